package catalog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/state/row"
)

// A file of members is lines, or the first column of CSV; the name of the key in the first line is a header.
func TestRosterFile(t *testing.T) {
	for text, want := range map[string]string{
		"c-1\nc-2\n":                             "c-1 c-2",
		"c-1\r\nc-2":                             "c-1 c-2",
		"id\nc-1\nid\n":                          "c-1 id",
		"\xef\xbb\xbfid,name\nc-1,Ann\nc-2,\n":   "c-1 c-2",
		"\"id\",name\n\"c,1\",Ann\n\"c\"\"2\"\n": `c,1 c"2`,
		"\n\n  c-1  \n\n":                        "c-1",
		"c-1 , x\nc-1\nc-1":                      "c-1",
		"":                                       "",
		"name\nc-1\n":                            "name c-1",
	} {
		r, err := readRoster(strings.NewReader(text), "id", 1)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		ids := strings.Fields(want)
		if r.Len() != len(ids) {
			t.Errorf("%q: %d ids, want %d", text, r.Len(), len(ids))
		}
		for _, id := range ids {
			if !r.Has(id) {
				t.Errorf("%q: %q is missing", text, id)
			}
		}
		if r.Has("c-9") || r.Has("") {
			t.Errorf("%q: it holds what is not there", text)
		}
	}
	for _, text := range []string{",x\n", "\"c-1\n", "\"\",x\n", strings.Repeat("x", rosterLineMax+1)} {
		if _, err := readRoster(strings.NewReader(text), "id", 1); !errors.Is(err, errRoster) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if none := (*Roster)(nil); none.Has("c-1") || none.Len() != 0 {
		t.Error("no list holds something")
	}
}

// The file of members stands beside the catalog's, and is part of what the catalog means.
func TestMembersFile(t *testing.T) {
	dir := t.TempDir()
	segment := "kind: Segment\nname: board\naudience: lead\nmembersFile: %s\n"
	write(t, dir, map[string]string{"lead.yaml": leadTable, "sub/board.yaml": fmt.Sprintf(segment, "board.csv"),
		"sub/board.csv": "id,name\nl-1,Ann\n"})
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if m := c.Segment("board").Members; m.Len() != 1 || !m.Has("l-1") {
		t.Errorf("the members are %+v", m)
	}
	write(t, dir, map[string]string{"sub/board.csv": "l-2\n"})
	again, err := Load(dir)
	if err != nil || again.Hash == c.Hash {
		t.Errorf("another list, the same hash: %v", err)
	}
	for _, name := range []string{"nowhere.csv", ".", "../lead.yaml"} {
		write(t, dir, map[string]string{"sub/board.yaml": fmt.Sprintf(segment, name)})
		_, err := Load(dir)
		if name == "../lead.yaml" { // any file of lines is a list
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if f := faultsOf(t, err); len(f) != 1 || f[0].Line != 4 || strings.Contains(f[0].Message, dir) {
			t.Errorf("%s: %v", name, f)
		}
	}
}

// lineSource makes a long file without holding it.
type lineSource struct{ next, last int }

func (s *lineSource) Read(b []byte) (int, error) {
	n := 0
	for s.next <= s.last && len(b)-n > 16 {
		n += copy(b[n:], fmt.Appendf(nil, "c-%d\n", s.next))
		s.next++
	}
	if n == 0 {
		return 0, errEnd
	}
	return n, nil
}

var errEnd = errors.New("the end of the test's file")

func BenchmarkRosterOfAMillion(b *testing.B) {
	for b.Loop() {
		if _, err := readRoster(&lineSource{last: 1_000_000}, "id", 1_000_000); !errors.Is(err, errEnd) {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
}

// Once a day, in the zone, also when the clocks change.
func TestRefresh(t *testing.T) {
	for _, c := range []struct {
		zone, at, now, next string
	}{
		{"UTC", "06:00", "2026-01-01T05:59:59.999999999Z", "2026-01-01T06:00:00Z"},
		{"UTC", "06:00", "2026-01-01T06:00:00Z", "2026-01-01T06:00:00Z"},
		{"UTC", "06:00", "2026-01-01T06:00:00.000000001Z", "2026-01-02T06:00:00Z"},
		{"UTC", "00:00", "2026-12-31T12:00:00Z", "2027-01-01T00:00:00Z"},
		{"Europe/Berlin", "06:00", "2026-01-01T05:30:00Z", "2026-01-02T05:00:00Z"},
		{"Europe/Berlin", "06:00", "2026-07-01T04:30:00Z", "2026-07-02T04:00:00Z"},
		{"Europe/Berlin", "02:30", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"}, // there is no 02:30
		{"Europe/Berlin", "02:30", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"}, // the first of two
		{"Europe/Berlin", "02:30", "2026-10-25T00:30:01Z", "2026-10-26T01:30:00Z"},
		{"America/New_York", "23:59", "2026-01-01T04:59:01Z", "2026-01-02T04:59:00Z"},
		{"Pacific/Kiritimati", "00:30", "2026-01-01T10:31:00Z", "2026-01-02T10:30:00Z"},
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		clock, _ := time.Parse("15:04", c.at)
		r := Refresh{Minute: clock.Hour()*60 + clock.Minute(), Zone: loc}
		now, err := time.Parse(time.RFC3339Nano, c.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.From(row.At(now)).String(); got != c.next {
			t.Errorf("%s in %s, at %s: next is %s, want %s", c.at, c.zone, c.now, got, c.next)
		}
	}
	if r := (&Refresh{Zone: time.UTC}); r.From(row.Never) != row.Never || r.From(row.Never-1) != row.Never {
		t.Error("there is a refresh at the end of time")
	}
}
