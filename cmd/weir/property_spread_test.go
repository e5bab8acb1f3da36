package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/operators/catalog"
)

// spreads are the numbers of partitions that every history runs with, besides one.
var spreads = []int32{3, 4, 64}

// checkSpread runs the world in several partitions, and compares what comes out for each subject with what came out of
// one, and what is left at the end with what is needed.
func (w *world) checkSpread(f fault, c *catalog.Catalog, one *propertyRun) error {
	want := w.bySubject(one)
	for i, n := range spreads {
		run := &propertyRun{world: w, fault: f, catalog: c, epoch: w.epoch, partitions: n, disturbed: (w.epoch+i)%2 == 1}
		if n > 9 { // to open so many tasks takes long
			run.disturbed = w.epoch == 7
		}
		err := run.all()
		if err == nil {
			err = sameBySubject(want, w.bySubject(run))
		}
		if err != nil {
			return fmt.Errorf("%d partitions (disturbed: %v): %w", n, run.disturbed, err)
		}
	}
	return nil
}

// said is one output about a subject as it is compared: without what depends on how tasks share the work.
type said struct {
	firing bool
	text   string
}

// bySubject returns what came out for each subject, in order; what fired in a row is put in order, since rows that lead
// to a subject by several ways come in any.
func (w *world) bySubject(r *propertyRun) map[string][]said {
	out := map[string][]said{}
	for _, d := range slices.Concat(r.outputs...) {
		v := map[string]any{}
		if err := json.Unmarshal(d.raw, &v); err != nil {
			panic(err) // it was read before
		}
		delete(v, "seq")
		delete(v, "cause")
		if t := d.value.Trigger; t != "" && w.limited(t) { // of several that fire at once, any may be left
			delete(v, "before")
			delete(v, "after")
			delete(v, "event")
		}
		text, _ := json.Marshal(v)
		subject := d.value.Audience + "/" + d.value.ID
		out[subject] = append(out[subject], said{firing: d.topic == "firings", text: fmt.Sprintf("%s %s", d.topic, text)})
	}
	for _, list := range out {
		for first := 0; first < len(list); {
			end := first + 1
			for end < len(list) && list[first].firing && list[end].firing {
				end++
			}
			slices.SortFunc(list[first:end], func(a, b said) int { return cmp.Compare(a.text, b.text) })
			first = end
		}
	}
	return out
}

// limited tells whether a trigger has a limit.
func (w *world) limited(name string) bool {
	return slices.ContainsFunc(w.triggers, func(t triggerCase) bool { return t.name == name && t.limit.per != "" })
}

func sameBySubject(want, got map[string][]said) error {
	for _, t := range tables {
		for _, id := range t.ids {
			subject := t.name + "/" + id
			a, b := textOf(want[subject]), textOf(got[subject])
			if a != b {
				return fmt.Errorf("for %s it came out otherwise: %s", subject, firstDifference(a, b))
			}
		}
	}
	return nil
}

func textOf(list []said) string {
	var b strings.Builder
	for _, s := range list {
		b.WriteString(s.text + "\n")
	}
	return b.String()
}
