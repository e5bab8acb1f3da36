package expr_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/expr/oracle"
	"github.com/weirstream/weir/state/row"
)

// TestZonedUnits fixes by hand when conditions flip whose calendar is that of a zone.
func TestZonedUnits(t *testing.T) {
	for _, c := range []struct{ zone, source, t, now, flip string }{
		// The month begins when it does there.
		{"Europe/Berlin", `now.getMonth() == 2`, "2026-01-01T00:00:00Z", "2026-02-28T00:00:00Z", "2026-02-28T23:00:00Z"},
		{"America/New_York", `now.getMonth() == 2`, "2026-01-01T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-01T05:00:00Z"},
		// Clocks change on 29 March: office hours begin an hour earlier.
		{"Europe/Berlin", `now.getHours() >= 9`, "2026-01-01T00:00:00Z", "2026-03-30T00:00:00Z", "2026-03-30T07:00:00Z"},
		// A month before 29 April, 10:00 is 29 March, 10:00, by the clocks of the place.
		{"Europe/Berlin", `contact.t > ago("1mo")`, "2026-03-28T09:00:00Z", "2026-04-01T00:00:00Z", "2026-04-28T08:00:00Z"},
		// Of 31 January, 12:00, a month has gone by when February has no such day: at midnight there.
		{"Europe/Berlin", `contact.t > ago("1mo")`, "2026-01-31T11:00:00Z", "2026-02-01T00:00:00Z", "2026-02-28T23:00:00Z"},
		// A birthday of 18 years.
		{"Asia/Tokyo", `contact.t <= ago("18y")`, "2008-02-28T15:00:00Z", "2026-01-01T00:00:00Z", "2026-02-28T15:00:00Z"},
	} {
		loc, err := expr.LoadZone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		env, err := expr.NewEnv(expr.Scope{Audience: contactSchema, Zone: loc})
		if err != nil {
			t.Fatal(err)
		}
		p, problems := env.Compile(c.source)
		if p == nil {
			t.Fatal(problems)
		}
		in := &expr.Input{Now: at(c.now), Subject: make(row.Row, len(contactSchema.Fields))}
		i, _ := contactSchema.Field("t")
		in.Subject[i] = row.OfTime(timeOf(c.t))
		first, until := p.Eval(in)
		for hops := 0; until != row.Never; hops++ {
			in.Now = until
			var now expr.Truth
			if now, until = p.Eval(in); now != first {
				break
			}
			if hops > 500 {
				t.Fatalf("%s in %s: it looks again and again", c.source, c.zone)
			}
		}
		if in.Now != at(c.flip) {
			t.Errorf("%s in %s flips at %v, want %s", c.source, c.zone, in.Now, c.flip)
		}
	}
	for _, name := range []string{"", "Local", "Mars/Olympus", "+99:00"} {
		if _, err := expr.LoadZone(name); err == nil {
			t.Errorf("%q is taken for a zone", name)
		}
	}
}

// TestZonedMonthsAtChangesOfClocks holds months in zones to the oracle where days are longer or shorter: both ends of
// the period come past a change of the clocks.
func TestZonedMonthsAtChangesOfClocks(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	changes := []string{"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z",
		"2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z", "2011-12-30T10:00:00Z"}
	sources := []string{`contact.t > ago("1mo")`, `contact.t <= ago("1y")`, `contact.t < ahead("1mo")`,
		`opened.within("1mo").size() > 0`, `ago("1mo").getHours() >= contact.n`, `ahead("1mo") - contact.t > duration("1h")`}
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "+05:30"} {
		s := scopes()["segment"]
		s.Zone = mustZone(name)
		env, err := expr.NewEnv(s)
		if err != nil {
			t.Fatal(err)
		}
		o, err := oracle.New(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, source := range sources {
			p, problems := env.Compile(source)
			condition, err := o.Compile(source)
			if p == nil || err != nil {
				t.Fatal(problems, err)
			}
			for range 120 {
				near := func() time.Time {
					change := timeOf(changes[r.IntN(len(changes))])
					return change.AddDate(0, r.IntN(3)-1, 0).Add(time.Duration(r.IntN(97)-48) * 30 * time.Minute)
				}
				d := &data{}
				d.in.Subject = make(row.Row, len(contactSchema.Fields))
				i, _ := contactSchema.Field("t")
				d.in.Subject[i] = row.OfTime(near())
				i, _ = contactSchema.Field("n")
				d.in.Subject[i] = row.OfInt(int64(r.IntN(24)))
				opened := row.Event{Time: row.OfTime(near()), Fields: make(row.Row, len(openedSchema.Fields))}
				d.in.Events = [][]row.Event{{opened}, nil, nil}
				if fault := check(p.Eval, condition, d, row.At(near()), r.IntN); fault != "" {
					t.Errorf("%s in %s: %s\nsubject %v event %v", source, name, fault, d.in.Subject, opened.Time.Time())
				}
			}
		}
	}
}
