package bench

import (
	"testing"

	"github.com/weirstream/weir/bench/latency"
	"github.com/weirstream/weir/engine"
)

// TestCauseOf shows that the source record is found in an output, also where the subject's data looks like a cause, and
// that outputs without one are left out.
func TestCauseOf(t *testing.T) {
	for _, c := range []struct {
		value string
		want  latency.Place
		ok    bool
	}{
		{`{"id":"c-1","cause":{"kind":"event","topic":"t","partition":3,"offset":44,"event":"e"},"seq":9}`,
			latency.Place{Topic: "t", Partition: 3, Offset: 44}, true},
		{`{"after":{"note":"\"cause\":{"},"cause":{"kind":"row","topic":"t","partition":0,"offset":0},"seq":9}`,
			latency.Place{Topic: "t"}, true},
		{`{"id":"c-1","cause":{"kind":"time"},"seq":9}`, latency.Place{}, false},
		{`{"id":"c-1"}`, latency.Place{}, false},
		{``, latency.Place{}, false},
	} {
		got, ok := causeOf(&engine.Record{Value: []byte(c.value)})
		if got != c.want || ok != c.ok {
			t.Errorf("%s: %v, %v", c.value, got, ok)
		}
	}
}
