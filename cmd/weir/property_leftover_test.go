package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"testing"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// leftovers compares what the tasks remember about links with what the rows at their homes ask for: nothing may be
// missing, and nothing may be left that nothing needs.
type leftovers struct {
	catalog    *catalog.Catalog
	partitions int32
	rows       map[string]map[string]row.Row // by table and key: at their homes
	held       map[string]bool               // what is remembered, by its description
	needed     map[string]bool
	tokens     map[string]uint64 // of subscriptions and subscribers
	want       map[string]uint64
	copies     map[copyKey]row.Row
	faults     []error
}

type copyKey struct {
	partition  int32
	table, key string
}

// leftover checks the facts that a run has left.
func (r *propertyRun) leftover() error {
	l := &leftovers{catalog: r.catalog, partitions: max(r.partitions, 1), rows: map[string]map[string]row.Row{},
		held: map[string]bool{}, needed: map[string]bool{}, tokens: map[string]uint64{}, want: map[string]uint64{},
		copies: map[copyKey]row.Row{}}
	for _, key := range r.keys {
		if f := r.facts[key]; f.Value != nil {
			if err := l.add(r.homes[key], f); err != nil {
				return err
			}
		}
	}
	for p := range l.partitions {
		l.walk(p)
	}
	l.vouch()
	return l.differences()
}

// add takes note of a fact of a partition.
func (l *leftovers) add(p int32, f state.Fact) error {
	k, err := state.ParseKey(f.Key)
	if err != nil {
		return err
	}
	switch k.Kind {
	case state.RowKind:
		schema := l.catalog.Table(k.Table).Schema
		r, _, err := state.DecodeRowFact(f.Value, schema)
		if err != nil || k.ID == "" {
			return err
		}
		if engine.Home(k.ID, l.partitions) != p {
			l.copies[copyKey{p, k.Table, k.ID}] = r
			return nil
		}
		if l.rows[k.Table] == nil {
			l.rows[k.Table] = map[string]row.Row{}
		}
		l.rows[k.Table][k.ID] = r
	case state.RefKind:
		l.held[ref(p, k.Ref.Index, k.Ref.To, k.Ref.From)] = true
	case state.SubscriptionKind:
		s, err := state.DecodeSubscriptionFact(f.Value)
		if err != nil {
			return err
		}
		name := stream(p, k.Table, k.ID, k.Stream)
		l.held["subscription "+name], l.tokens[name] = true, s.Token
		if !s.Complete {
			l.faults = append(l.faults, fmt.Errorf("the subscription %s is not complete", name))
		}
	case state.SubscriberKind:
		s, err := state.DecodeSubscriberFact(f.Value)
		if err != nil {
			return err
		}
		if k.Table == "" && k.Stream == 0 {
			return nil // that partition has sent all its rows that lead here
		}
		name := stream(k.Subscriber, k.Table, k.ID, k.Stream)
		l.held["subscriber "+name], l.want[name] = true, s.Token
		if engine.Home(k.ID, l.partitions) != p {
			l.faults = append(l.faults, fmt.Errorf("the subscriber %s is not at the row's home", name))
		}
	case state.WorkKind, state.DeferredKind:
		l.faults = append(l.faults, fmt.Errorf("in partition %d there is unfinished work: %+v", p, k))
	default:
	}
	return nil
}

func ref(p int32, index uint64, to, from string) string {
	return fmt.Sprintf("reference in partition %d, index %x: to %q from %q", p, index, to, from)
}

func stream(p int32, table, key string, stream uint64) string {
	return fmt.Sprintf("of partition %d to %s %s, stream %x", p, table, key, stream)
}

// walk finds what the subjects of a partition need: all that links lead to from them.
func (l *leftovers) walk(p int32) {
	for _, a := range l.catalog.Audiences {
		root := a.Root()
		if root == nil {
			continue
		}
		for _, id := range tableOf(a.Table.Name).allIDs() {
			if engine.Home(id, l.partitions) == p {
				l.descend(p, root, id)
			}
		}
	}
}

// allIDs are all the keys that any link may name.
func (t *tableCase) allIDs() []string { return append([]string{"9"}, t.ids...) }

// descend notes what is needed below a row at a place.
func (l *leftovers) descend(p int32, at *catalog.Place, key string) {
	for _, child := range at.Children {
		if child.Many {
			l.subscribe(p, at.Table.Name, key, child.Link.Index)
			for _, from := range l.leading(child.Link, key) {
				l.descend(p, child, from)
			}
			continue
		}
		r := l.rows[at.Table.Name][key]
		if r == nil || r[child.Link.KeyField].Key() == "" {
			continue
		}
		to := r[child.Link.KeyField].Key()
		l.needed[ref(p, child.Index, to, key)] = true
		l.subscribe(p, child.Table.Name, to, 0)
		l.descend(p, child, to)
	}
}

func (l *leftovers) subscribe(p int32, table, key string, s uint64) {
	if engine.Home(key, l.partitions) != p {
		l.needed["subscription "+stream(p, table, key, s)] = true
		l.needed["subscriber "+stream(p, table, key, s)] = true
	}
}

// leading returns the keys of the rows that lead to one by a link.
func (l *leftovers) leading(link *catalog.Link, to string) (keys []string) {
	for key, r := range l.rows[link.From.Name] {
		if r != nil && r[link.KeyField].Key() == to {
			keys = append(keys, key)
		}
	}
	return keys
}

// vouch finds which copies are needed, for whom, and which rows that are held lead where.
func (l *leftovers) vouch() {
	held := func(p int32, table, key string, s uint64) bool {
		return l.needed["subscription "+stream(p, table, key, s)]
	}
	for table, rows := range l.rows {
		gathered := l.catalog.Gathered(table)
		for key, r := range rows {
			home := engine.Home(key, l.partitions)
			for p := range l.partitions {
				need := p == home || held(p, table, key, 0)
				own := false
				for _, link := range gathered {
					if r == nil || p == home || r[link.KeyField].Key() == "" {
						continue
					}
					to := r[link.KeyField].Key()
					own = own || engine.Home(to, l.partitions) == p
					if held(p, link.Target.Name, to, link.Index) {
						need = true
						by := string(binary.BigEndian.AppendUint64(nil, link.Index)) + to
						l.needed[ref(p, hashOf("copy "+table), key, by)] = true
						l.needed[ref(p, link.Index^hashOf("stream"), to, key)] = true
					}
				}
				if own {
					need = true
					l.needed[ref(p, hashOf("copy "+table), key, "home")] = true
				}
				if !need || r == nil {
					continue
				}
				for _, link := range gathered {
					if to := r[link.KeyField].Key(); to != "" {
						l.needed[ref(p, link.Index, to, key)] = true
					}
				}
				if p != home {
					l.compareCopy(copyKey{p, table, key}, r)
				}
			}
		}
	}
	for k, r := range l.copies {
		if !held(k.partition, k.table, k.key, 0) || r != nil {
			l.faults = append(l.faults, fmt.Errorf("partition %d holds a copy of %s %s that nothing needs, or that is none",
				k.partition, k.table, k.key))
		}
	}
}

// compareCopy compares a copy with the row, and takes it off the list.
func (l *leftovers) compareCopy(k copyKey, r row.Row) {
	if c, ok := l.copies[k]; !ok || !c.Same(r) {
		l.faults = append(l.faults, fmt.Errorf("partition %d holds a copy of %s %s that is not the row, or none",
			k.partition, k.table, k.key))
	}
	delete(l.copies, k)
}

func hashOf(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

func (l *leftovers) differences() error {
	for _, what := range slices.Sorted(maps.Keys(l.needed)) {
		if !l.held[what] {
			l.faults = append(l.faults, fmt.Errorf("missing: %s", what))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(l.held)) {
		if !l.needed[what] {
			l.faults = append(l.faults, fmt.Errorf("left over: %s", what))
		}
	}
	if !maps.Equal(l.tokens, l.want) {
		l.faults = append(l.faults, errors.New("subscriptions and subscribers bear other tokens"))
	}
	return errors.Join(l.faults...)
}

// TestNothingIsLeftOver shows that what nobody needs any more is given up where the way to it leads back to rows that
// are given up with it.
func TestNothingIsLeftOver(t *testing.T) {
	type step struct{ topic, key, value string }
	for _, c := range []struct {
		name, where string
		steps       []step
	}{
		{"a copy that is needed by itself alone", `contact.leads.all(v1, v1.items.all(v2, has(v2.lead)))`, []step{
			{"rows", "c-2", `{"id": "c-2"}`}, {"leads", "l-2", `{"id": "l-2", "contact_id": "c-2"}`},
			{"items", "10", `{"id": 10, "lead_id": "l-2"}`}, {"leads", "l-2", ""}}},
		{"a row that goes before all that it led to is found",
			`contact.partner.leads.all(v1, v1.contact.s == "a") && contact.partner.second == null`, []step{
				{"rows", "c-1", `{"id": "c-1", "partner_id": "c-2"}`},
				{"rows", "c-2", `{"id": "c-2", "partner_id": "c-2", "second_id": "a-1"}`},
				{"leads", "l-1", `{"id": "l-1", "contact_id": "c-2"}`},
				{"accounts", "a-1", `{"id": "a-1"}`}, {"rows", "c-1", ""}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{linked: true, epoch: 1, segments: []segmentCase{{name: "s", audience: contactTable, where: c.where}}}
			for i, s := range c.steps {
				rec := engine.Record{Topic: s.topic, Key: []byte(s.key), Offset: int64(i)}
				if s.value != "" {
					rec.Value = []byte(s.value)
				}
				w.moves = append(w.moves, move{at: start, what: upsert, record: rec})
			}
			w.cuts = make([]cut, len(w.moves))
			parsed, err := catalog.Parse([]catalog.File{{Name: "links.yaml", Text: []byte(w.text())}})
			if err != nil {
				t.Fatal(err)
			}
			for n := range int32(12) {
				r := &propertyRun{world: w, catalog: parsed, epoch: 1, partitions: n + 1}
				if err := r.all(); err != nil {
					t.Errorf("%d partitions: %v", n+1, err)
				}
			}
		})
	}
}
