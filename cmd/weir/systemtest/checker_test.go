package systemtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/engine"
)

// markers are the triggers that fire once for each change that takes effect, by what they tell of.
var markers = map[string]string{
	"contact-changed": "contact", "lead-changed": "lead", "visit": "contact", "buy": "contact", "lead-buy": "lead",
}

// output is a record of memberships or firings.
type output struct {
	Segment, Trigger, Audience, ID, Op string
	At, Since                          time.Time
	Until                              *time.Time
	Spell                              int
	Before, After                      *image
	Event                              *struct {
		ID     string
		Time   time.Time
		Page   string
		Amount float64
	}
	Cause struct {
		Kind, Topic, Table, Event, Segment, Key string
		Partition                               int32
		Offset                                  int64
	}
	Seq int64

	key, ceID string
	partition int32
}

func (o *output) at() int64 { return o.At.UnixNano() }

func (o *output) origin() origin { return origin{o.Cause.Topic, o.Cause.Partition, o.Cause.Offset} }

// checker holds what came out, and compares it with the sources.
type checker struct {
	app      string
	subjects map[string][]output // by audience/id
	dead     map[origin][]sourceBytes
	ids      map[string]int // by ce_id: how often
	seqs     map[int32][]int64
	last     map[string]int64 // by topic and partition: the last seq
	markers  int
	deltas   int
	firings  int
	faults   []string
	faulty   int
}

func newChecker(app string) *checker {
	return &checker{app: app, subjects: map[string][]output{}, dead: map[origin][]sourceBytes{}, ids: map[string]int{},
		seqs: map[int32][]int64{}, last: map[string]int64{}}
}

// faultsKept is how many faults are told in full.
const faultsKept = 40

func (c *checker) fault(format string, args ...any) {
	if c.faulty++; len(c.faults) < faultsKept {
		c.faults = append(c.faults, fmt.Sprintf(format, args...))
	}
}

// add takes one record of an output topic. The records of a partition must come in their order.
func (c *checker) add(r *engine.Record) {
	topic := strings.TrimPrefix(r.Topic, c.app+".")
	if topic == "deadletter" {
		c.addDead(r)
		return
	}
	o := output{key: string(r.Key), partition: r.Partition, ceID: header(r, "ce_id")}
	if err := json.Unmarshal(r.Value, &o); err != nil {
		c.fault("%s partition %d offset %d is no output record: %v", topic, r.Partition, r.Offset, err)
		return
	}
	name := o.Audience + "/" + o.ID
	place := topic + "/" + strconv.Itoa(int(r.Partition))
	if o.Seq <= c.last[place] {
		c.fault("%s partition %d offset %d: seq %d comes after %d", topic, r.Partition, r.Offset, o.Seq, c.last[place])
	}
	c.last[place] = o.Seq
	c.seqs[r.Partition] = append(c.seqs[r.Partition], o.Seq)
	c.ids[o.ceID]++
	if o.Op == "begin" || o.Op == "end" { // of what a catalog changes: about no subject
		if o.key != o.Segment {
			c.fault("%s partition %d offset %d has the key %q, not %q", topic, r.Partition, r.Offset, o.key, o.Segment)
		}
		return
	}
	want := name
	if topic == "memberships" {
		want = o.Segment + "/" + name
		c.deltas++
	} else {
		c.firings++
		if markers[o.Trigger] != "" {
			c.markers++
		}
	}
	if o.key != want {
		c.fault("%s partition %d offset %d has the key %q, not %q", topic, r.Partition, r.Offset, o.key, want)
	}
	c.subjects[name] = append(c.subjects[name], o)
}

func header(r *engine.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func (c *checker) addDead(r *engine.Record) {
	partition, err1 := strconv.Atoi(header(r, "weir_source_partition"))
	offset, err2 := strconv.ParseInt(header(r, "weir_source_offset"), 10, 64)
	if err1 != nil || err2 != nil || header(r, "weir_error") == "" {
		c.fault("dead letter at partition %d offset %d does not say where it came from", r.Partition, r.Offset)
		return
	}
	from := origin{header(r, "weir_source_topic"), int32(partition), offset}
	c.dead[from] = append(c.dead[from], sourceBytes{bytes.Clone(r.Key), bytes.Clone(r.Value)})
}

// check compares all that came out with the sources and returns what is wrong.
func (c *checker) check(s *sources) []string {
	c.checkSeqs()
	for id, n := range c.ids {
		if n > 1 || id == "" {
			c.fault("ce_id %q comes %d times", id, n)
		}
	}
	c.checkDead(s)
	for name, outs := range c.subjects {
		if s.subjects[name] == nil {
			c.fault("%s: %d records came out, but no source record is about it", name, len(outs))
		}
	}
	for name, h := range s.subjects {
		c.checkSubject(name, h, s.home)
	}
	if c.faulty > len(c.faults) {
		c.faults = append(c.faults, fmt.Sprintf("... and %d more faults", c.faulty-len(c.faults)))
	}
	return c.faults
}

// checkSeqs: in each partition the numbers of memberships and firings together are 1, 2, 3, ...
func (c *checker) checkSeqs() {
	for p, seqs := range c.seqs {
		slices.Sort(seqs)
		for i, seq := range seqs {
			if seq != int64(i)+1 {
				c.fault("partition %d: seq %d stands where %d should: lost or doubled", p, seq, i+1)
				break
			}
		}
	}
}

func (c *checker) checkDead(s *sources) {
	for from, want := range s.bad {
		switch got := c.dead[from]; {
		case len(got) != 1:
			c.fault("the bad record %v is in the dead letters %d times", from, len(got))
		case !bytes.Equal(got[0].key, want.key) || !bytes.Equal(got[0].value, want.value):
			c.fault("the bad record %v is not in the dead letters as it came", from)
		}
	}
	for from := range c.dead {
		if _, ok := s.bad[from]; !ok {
			c.fault("a good record is in the dead letters: %v", from)
		}
	}
}

func (c *checker) checkSubject(name string, h *history, home map[string]int32) {
	outs := c.subjects[name]
	slices.SortStableFunc(outs, func(a, b output) int { return cmp.Compare(a.Seq, b.Seq) })
	for i := range outs {
		if want, ok := home[outs[i].ID]; ok && outs[i].partition != want {
			c.fault("%s: a record is in partition %d, not %d", name, outs[i].partition, want)
		}
		if i > 0 && outs[i].at() < outs[i-1].at() {
			c.fault("%s: seq %d tells of an earlier instant than seq %d", name, outs[i].Seq, outs[i-1].Seq)
		}
	}
	model := c.replay(name, h, outs)
	c.compareDeltas(name, model.deltas, outs)
	c.compareFirings(name, model.firings, outs)
}

// replay runs the model over the subject's changes, in the order in which their marker firings stand in outs, and
// checks that each change has one marker, as it should be.
func (c *checker) replay(name string, h *history, outs []output) *subject {
	audience, _, _ := strings.Cut(name, "/")
	model := newSubject(audience)
	rows, events, newest := 0, 0, map[string]int64{}
	slices.SortStableFunc(outs, func(a, b output) int { return cmp.Compare(a.Seq, b.Seq) })
	for i := range outs {
		o := &outs[i]
		if markers[o.Trigger] != audience {
			continue
		}
		var next *change
		if o.Event == nil {
			if rows == len(h.rows) {
				c.fault("%s: row firing seq %d without a change of the row", name, o.Seq)
				continue
			}
			next = &h.rows[rows]
			rows++
			if !o.Before.same(next.before) || !o.After.same(next.after) {
				c.fault("%s: row firing seq %d has other images than source record %v", name, o.Seq, next.origin)
			}
		} else {
			if next = h.events[o.kind()+"/"+o.Event.ID]; next == nil {
				c.fault("%s: firing seq %d of an event that was not sent", name, o.Seq)
				continue
			}
			events++
			c.compareEvent(name, o, next.event)
			place := next.origin.topic + "/" + strconv.Itoa(int(next.origin.partition))
			if before, ok := newest[place]; ok && next.origin.offset <= before {
				c.fault("%s: firing seq %d of %v is doubled or out of order", name, o.Seq, next.origin)
			}
			newest[place] = next.origin.offset
		}
		if o.origin() != next.origin {
			c.fault("%s: firing seq %d says that %v caused it, but it was %v", name, o.Seq, o.origin(), next.origin)
		}
		model.apply(next, o.at())
	}
	if rows != len(h.rows) || events != len(h.events) {
		c.fault("%s: %d of %d row changes and %d of %d events fired", name, rows, len(h.rows), events, len(h.events))
	}
	model.advance(forever)
	return model
}

// kind is the event kind that an event firing tells of.
func (o *output) kind() string {
	if o.Trigger == "visit" {
		return "visited"
	}
	return "bought"
}

func (c *checker) compareEvent(name string, o *output, want *occurrence) {
	if o.Event.Time.UnixNano() != want.time || o.Event.Page != want.page || o.Event.Amount != want.amount {
		c.fault("%s: firing seq %d does not have the event as it was sent", name, o.Seq)
	}
}

// compareDeltas compares the changes of each segment, in order.
func (c *checker) compareDeltas(name string, want []delta, outs []output) {
	expect := map[string][]delta{}
	for _, d := range want {
		expect[d.segment] = append(expect[d.segment], d)
	}
	got := map[string][]*output{}
	for i := range outs {
		if o := &outs[i]; o.Segment != "" {
			got[o.Segment] = append(got[o.Segment], o)
			if expect[o.Segment] == nil {
				c.fault("%s: %s of segment %s, seq %d, is not expected", name, o.Op, o.Segment, o.Seq)
			}
		}
	}
	for segment, ds := range expect {
		os := got[segment]
		if len(os) != len(ds) {
			c.fault("%s: %d changes of segment %s came out, %d were to come", name, len(os), segment, len(ds))
		}
		for i := range min(len(os), len(ds)) {
			if why := ds[i].differs(os[i]); why != "" {
				c.fault("%s: change %d of segment %s, seq %d: %s", name, i+1, segment, os[i].Seq, why)
				break
			}
		}
	}
}

// differs tells in which way o is not what was expected; nothing if it is.
func (d *delta) differs(o *output) string {
	op := "leave"
	if d.enter {
		op = "enter"
	}
	switch {
	case o.Op != op:
		return fmt.Sprintf("%s instead of %s", o.Op, op)
	case o.at() != d.at:
		return fmt.Sprintf("at %v instead of %v", o.At, time.Unix(0, d.at).UTC())
	case o.Since.UnixNano() != d.since:
		return fmt.Sprintf("since %v instead of %v", o.Since, time.Unix(0, d.since).UTC())
	case o.Spell != d.spell:
		return fmt.Sprintf("spell %d instead of %d", o.Spell, d.spell)
	case o.Cause.Kind != d.cause:
		return fmt.Sprintf("cause %s instead of %s", o.Cause.Kind, d.cause)
	case o.origin() != d.origin:
		return fmt.Sprintf("caused by %v instead of %v", o.origin(), d.origin)
	case o.Until != nil && (!d.enter || o.Until.UnixNano() <= d.at):
		return "until is not after at"
	}
	return ""
}

// compareFirings compares the firings of the triggers with conditions, in order.
func (c *checker) compareFirings(name string, want []firing, outs []output) {
	expect := map[string][]firing{}
	for _, f := range want {
		expect[f.trigger] = append(expect[f.trigger], f)
	}
	got := map[string][]*output{}
	for i := range outs {
		o := &outs[i]
		if o.Trigger == "" || markers[o.Trigger] != "" {
			continue
		}
		got[o.Trigger] = append(got[o.Trigger], o)
		if expect[o.Trigger] == nil {
			c.fault("%s: firing of %s, seq %d, is not expected", name, o.Trigger, o.Seq)
		}
	}
	for trigger, fs := range expect {
		os := got[trigger]
		if len(os) != len(fs) {
			c.fault("%s: trigger %s fired %d times, not %d", name, trigger, len(os), len(fs))
		}
		for i := range min(len(os), len(fs)) {
			if os[i].at() != fs[i].at || os[i].origin() != fs[i].origin {
				c.fault("%s: firing %d of %s, seq %d, is of another instant or cause", name, i+1, trigger, os[i].Seq)
				break
			}
		}
	}
}
