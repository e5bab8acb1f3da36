package expr

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weirstream/weir/state/row"
)

// TestCivil holds the calendar arithmetic against package time, over all years that a timestamp can have.
func TestCivil(t *testing.T) {
	for day := int64(-719_162); day < 2_932_896; day += 17 {
		y, m, d := civil(day)
		want := time.Unix(day*daySecs, 0).UTC()
		if int(y) != want.Year() || int(m) != int(want.Month())-1 || int(d) != want.Day() {
			t.Fatalf("day %d is %d-%d-%d, not %v", day, y, m+1, d, want)
		}
		if back := dayOf(y, m, d); back != day {
			t.Fatalf("%v is day %d, not %d", want, back, day)
		}
	}
}

// TestPreimage holds preimage against a scan of the days.
func TestPreimage(t *testing.T) {
	start := dayOf(2023, 0, 1)
	for _, months := range []int64{1, -1, 6, -6, 11, -12, 12, 13, -48} {
		for day := start; day < start+800; day++ {
			first, last := preimage(day, months)
			for k := shiftDay(day, -months) - 5; k < shiftDay(day, -months)+5; k++ {
				hits := shiftDay(k, months) == day
				if hits != (k >= first && k <= last) {
					t.Fatalf("%d months move day %d to %d, but the preimage is %d to %d", months, k, shiftDay(k, months), first, last)
				}
				if last < first && (shiftDay(k, months) > day) != (k >= first) {
					t.Fatalf("%d months: first beyond day %d is not %d", months, day, first)
				}
			}
		}
	}
}

// TestCompare holds the instant of the next flip against a scan by steps, for random motions.
func TestCompare(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	all := []relations{less, less | equal, equal, less | greater, greater, greater | equal}
	base := row.At(time.Date(2024, 8, 20, 0, 0, 0, 0, time.UTC))
	const hour = row.Instant(time.Hour)
	for range 400 {
		now := base + row.Instant(r.IntN(20*24))*hour
		months := []int32{-6, -1, 1, 6, 0, -12}[r.IntN(6)]
		slope := []int32{1, -1}[r.IntN(2)]
		sec, _ := split(int64(now))
		moved := span{addMonths(sec, int64(months)), 0}.times(slope)
		target := moved.plus(span{int64(r.IntN(30*24)-15*24) * 3600, 0})
		rels := all[r.IntN(len(all))]
		truth, until := compare(now, motion{moved, slope, months}, fixed(target), rels)
		scan := func(at row.Instant) bool {
			s, _ := split(int64(at))
			m := span{addMonths(s, int64(months)), int32(int64(at) - s*second)}.times(slope)
			return rels.has(m.minus(target).sign())
		}
		if scan(now) != truth {
			t.Fatalf("at %v it is %v", now, truth)
		}
		for at := now; at < until && at < now+60*24*hour; at += hour {
			for _, probe := range []row.Instant{at - 1, at, at + 1} {
				if probe > now && probe < until && scan(probe) != truth {
					t.Fatalf("months %d slope %d rels %b: at %v until %v, but it flips at %v", months, slope, rels, now, until, probe)
				}
			}
		}
		if until != never && scan(until) == truth {
			t.Fatalf("months %d slope %d rels %b: at %v until %v, but nothing flips then", months, slope, rels, now, until)
		}
	}
}

// TestParsePeriod reads periods and refuses what is none.
func TestParsePeriod(t *testing.T) {
	for text, want := range map[string]Period{
		"15m": {Duration: 15 * time.Minute}, "12h": {Duration: 12 * time.Hour}, "90d": {Duration: 90 * 24 * time.Hour},
		"2w": {Duration: 14 * 24 * time.Hour}, "6mo": {Months: 6}, "5y": {Months: 60}, "1000y": {Months: 12000},
		"30s": {Duration: 30 * time.Second}, "100000d": {Duration: 100_000 * 24 * time.Hour},
	} {
		got, err := ParsePeriod(text)
		if err != nil || got != want {
			t.Errorf("%s is %v, %v", text, got, err)
		}
		if back, err := ParsePeriod(got.String()); err != nil || back != got {
			t.Errorf("%s is written as %s, which is %v", text, got, back)
		}
	}
	for _, text := range []string{
		"", "d", "90", "9q", "-1d", "0d", "1.5d", "90 d", "1001y", "100001d", "99999999999999999999d", "1D", "1min",
		"12001mo",
	} {
		if p, err := ParsePeriod(text); err == nil {
			t.Errorf("%q is read as %v", text, p)
		}
	}
}

// TestPeriodExceeds compares lengths over all starting points.
func TestPeriodExceeds(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"90d", "400d", false}, {"400d", "400d", false}, {"401d", "400d", true}, {"6mo", "6mo", false}, {"7mo", "6mo", true},
		{"1mo", "31d", false}, {"1mo", "30d", true}, {"30d", "1mo", true}, {"28d", "1mo", false}, {"1y", "366d", false},
	} {
		a, _ := ParsePeriod(c.a)
		b, _ := ParsePeriod(c.b)
		if got := a.Exceeds(b); got != c.want {
			t.Errorf("%s exceeds %s: %v", c.a, c.b, got)
		}
	}
}
