package kafka

import (
	"testing"
	"time"
)

// rounds stands for a broker that writes its markers some time after the end of a transaction and holds produces
// that come earlier for 20 ms. It returns the middling time from one end to the next acknowledgement.
func rounds(p *pacer, n int, markers time.Duration) time.Duration {
	var sum time.Duration
	for range n {
		p.choose()
		cost := pauses[p.arm] + time.Millisecond
		if pauses[p.arm] < markers {
			cost += 20 * time.Millisecond
		}
		p.learn(cost)
		sum += cost
	}
	return sum / time.Duration(n)
}

// The pause finds what the broker needs, looking for less costs little, and it follows when the broker changes.
func TestPacing(t *testing.T) {
	p := newPacer()
	for _, markers := range []time.Duration{
		0, 2500 * time.Microsecond, 6 * time.Millisecond, 500 * time.Microsecond, 0, time.Hour,
	} {
		best := 2*time.Millisecond + markers*2
		if markers == time.Hour { // nothing helps: no pause
			best = 22 * time.Millisecond
		}
		rounds(&p, 20_000, markers)
		if got := rounds(&p, 5000, markers); got > best {
			t.Errorf("markers after %v: a round takes %v, want %v at most", markers, got, best)
		}
	}
}

// A worker that commits seldom is not held up.
func TestPacingWhenQuiet(t *testing.T) {
	p := newPacer()
	p.last = time.Now().Add(-pauseOver)
	begun := time.Now()
	p.wait(t.Context())
	if p.paced || time.Since(begun) > pauses[1] {
		t.Error("it waited")
	}
}
