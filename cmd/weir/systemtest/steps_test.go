//go:build system

package systemtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connectors/kafka"
	"github.com/weirstream/weir/engine"
)

// step is a piece of SQL, and the lines that come of it. In a file "-- step: NAME" begins one, and lines that begin
// with "--> " are what is expected.
type step struct {
	name, sql string
	want      []string
}

func readSteps(t *testing.T, path string) (steps []step) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, begins := strings.CutPrefix(line, "-- step: ")
		want, expects := strings.CutPrefix(line, "--> ")
		switch {
		case begins:
			steps = append(steps, step{name: strings.TrimSpace(name)})
		case len(steps) == 0: // what the file is for
		case expects:
			s := &steps[len(steps)-1]
			s.want = append(s.want, strings.TrimSpace(want))
		default:
			steps[len(steps)-1].sql += line
		}
	}
	if len(steps) == 0 {
		t.Fatalf("%s has no steps", path)
	}
	return steps
}

// ledger turns what comes out into lines.
type ledger struct {
	lines chan string
	ids   map[string]bool      // ce_id of what has come out
	until map[string]time.Time // by the record's key: when the stay ends by itself
}

// openLedger reads the outputs from their start, as a read-committed reader does, until the test ends.
func openLedger(t *testing.T, cfg kafka.Config) *ledger {
	t.Helper()
	l := &ledger{lines: make(chan string, 1000), ids: map[string]bool{}, until: map[string]time.Time{}}
	tail, err := kafka.OpenTail(cfg, kafka.Committed, cfg.Topic(kafka.TopicMemberships), cfg.Topic(kafka.TopicFirings),
		cfg.Topic(kafka.TopicDeadletter))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer tail.Close()
		for {
			records, err := tail.Next(ctx)
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("cannot read the outputs: %v", err)
				}
				return
			}
			for i := range records {
				l.lines <- l.line(&records[i])
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return l
}

// line says in a line what a record of an output topic tells.
func (l *ledger) line(r *engine.Record) string {
	if strings.HasSuffix(r.Topic, "."+kafka.TopicDeadletter) {
		return fmt.Sprintf("dead %s: %s", header(r, "weir_source_topic"), header(r, "weir_error"))
	}
	var o struct {
		Segment, Trigger, Audience, ID, Op string
		At                                 time.Time
		Until                              *time.Time
		Spell                              int
		Before, After, Event               map[string]any
		Cause                              struct{ Kind, Table, Event, Segment string }
	}
	d := json.NewDecoder(bytes.NewReader(r.Value))
	d.UseNumber() // decimals as they are written
	if err := d.Decode(&o); err != nil {
		return fmt.Sprintf("no output record on %s: %v", r.Topic, err)
	}
	cause := strings.TrimSpace(o.Cause.Kind + " " + o.Cause.Event + o.Cause.Segment)
	if o.Cause.Table != "" {
		cause += " of " + o.Cause.Table
	}
	line := fmt.Sprintf("%s %s %s/%s, stay %d, by %s", o.Op, o.Segment, o.Audience, o.ID, o.Spell, cause)
	if o.Trigger != "" {
		line = fmt.Sprintf("fire %s %s/%s by %s", o.Trigger, o.Audience, o.ID, cause) + told(o.Before, o.After, o.Event)
	} else if fault := l.ends(string(r.Key), o.Cause.Kind, o.At, o.Until); fault != "" {
		line += fault
	}
	id := header(r, "ce_id")
	if l.ids[id] {
		line += " (a second time)"
	}
	l.ids[id] = true
	return line
}

// ends holds a stay that time ends to the instant that its entry told.
func (l *ledger) ends(key, cause string, at time.Time, until *time.Time) (fault string) {
	if cause == "time" && !at.Equal(l.until[key]) {
		fault = fmt.Sprintf(" (at %v, not %v)", at, l.until[key])
	}
	delete(l.until, key)
	if until != nil {
		l.until[key] = *until
	}
	return fault
}

// told says what a firing tells of a row, "+" created, "-" deleted, or what has changed; or of an event.
func told(before, after, event map[string]any) string {
	switch {
	case event != nil:
		delete(event, "time")
		return ": " + values(event)
	case before == nil && after == nil:
		return ""
	case before == nil:
		return ": + " + values(after)
	case after == nil:
		return ": - " + values(before)
	}
	var changes []string
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if was, is := value(before[name]), value(after[name]); was != is {
			changes = append(changes, fmt.Sprintf("%s %s -> %s", name, was, is))
		}
	}
	return ": " + strings.Join(changes, ", ")
}

// values tells the fields of a row but those that say when something was: they differ from run to run.
func values(row map[string]any) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(row)) {
		if v := row[name]; v != nil && !strings.HasSuffix(name, "_at") {
			pairs = append(pairs, name+"="+value(v))
		}
	}
	return strings.Join(pairs, " ")
}

func value(v any) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(v)
}

// expect waits for as many lines as are wanted, and compares: order is promised for one subject only, so any will do. A
// wanted line may end in two words with | between them: of two rows of different tables either may come first.
func (l *ledger) expect(t *testing.T, limit time.Duration, want []string) {
	t.Helper()
	var got []string
	left := slices.Clone(want)
	timeout := time.After(limit)
	for len(left) > 0 {
		select {
		case line := <-l.lines:
			got = append(got, line)
			i := slices.IndexFunc(left, func(want string) bool { return meets(line, want) })
			if i < 0 {
				t.Fatalf("this was not expected: %s\n got %s\nwant %s", line, strings.Join(got, "\n     "),
					strings.Join(want, "\n     "))
			}
			left = slices.Delete(left, i, i+1)
		case <-timeout:
			t.Fatalf("not all came out within %v:\n got %s\nmissing %s", limit, strings.Join(got, "\n     "),
				strings.Join(left, "\n        "))
		}
	}
}

// meets tells whether a line is the one that is wanted.
func meets(line, want string) bool {
	end := strings.LastIndexByte(want, ' ') + 1
	return line == want || slices.ContainsFunc(strings.Split(want[end:], "|"), func(word string) bool {
		return line == want[:end]+word
	})
}

// nothing fails the test if something more has come out.
func (l *ledger) nothing(t *testing.T) {
	t.Helper()
	for {
		select {
		case line := <-l.lines:
			t.Errorf("this was not expected: %s", line)
		default:
			return
		}
	}
}
