package systemtest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// message is a record for a source topic; topic is without the sources' prefix. A nil value is a tombstone.
type message struct {
	topic      string
	key, value []byte
}

// feed draws what is sent to the source topics: rows of contacts as Debezium writes them and of leads as plain JSON,
// events of both, and of each what goes wrong in practice: repeated events, images that were sent before, updates that
// change nothing, events that come before their row, late and early event times, records that nobody can use.
type feed struct {
	rnd      *rand.Rand
	contacts []feedRow
	leads    []feedRow
	recent   [512]message // events that may be sent again
	lsn      int64
	events   int
	markers  int // changes sent that take effect
	bad      int
}

// feedRow is a row as it is at the source.
type feedRow struct {
	row  *image
	sent []message // some images that were sent, to be sent again
}

func newFeed(seed uint64, contacts, leads int) *feed {
	return &feed{rnd: rand.New(rand.NewPCG(seed, 1)), contacts: make([]feedRow, contacts), leads: make([]feedRow, leads),
		lsn: 1000}
}

// next returns what is sent next, one record or two.
func (f *feed) next(now time.Time) []message {
	switch n := f.rnd.IntN(1000); {
	case n < 250:
		return f.contact(now)
	case n < 330:
		return f.lead()
	case n < 380:
		if m := f.recent[f.rnd.IntN(len(f.recent))]; m.value != nil {
			return []message{m}
		}
		return f.event(now)
	case n < 385:
		f.bad++
		return []message{f.unusable()}
	case n < 400:
		return []message{{"engagement", f.contactID(), []byte(`{"id":"x","type":"ignored","contact_id":"c-1"}`)}}
	}
	return f.event(now)
}

func (f *feed) contactID() []byte { return fmt.Appendf(nil, "c-%d", f.rnd.IntN(len(f.contacts))) }
func (f *feed) leadID() []byte    { return fmt.Appendf(nil, "l-%d", f.rnd.IntN(len(f.leads))) }

// contact changes a contact, or sends an older image of it again.
func (f *feed) contact(now time.Time) []message {
	i := f.rnd.IntN(len(f.contacts))
	c := &f.contacts[i]
	id := "c-" + strconv.Itoa(i)
	key := []byte(`{"id":"` + id + `"}`)
	f.lsn += 1 + f.rnd.Int64N(100)
	switch n := f.rnd.IntN(100); {
	case len(c.sent) > 0 && n < 10:
		return []message{c.sent[f.rnd.IntN(len(c.sent))]}
	case c.row == nil:
		c.row = f.draw(id)
		f.markers++
		return c.remember(message{"contact", key, f.envelope("c", nil, c.row, now)})
	case n < 14:
		value := f.envelope("d", &image{ID: id}, nil, now)
		c.row = nil
		f.markers++
		return append(c.remember(message{"contact", key, value}), message{"contact", key, nil})
	case n < 22: // an update that changes nothing
		return c.remember(message{"contact", key, f.envelope("u", nil, c.row, now)})
	}
	row := f.draw(id)
	if f.rnd.IntN(2) == 0 {
		row.State = c.row.State
	}
	if !row.same(c.row) {
		f.markers++
	}
	c.row = row
	return c.remember(message{"contact", key, f.envelope("u", nil, c.row, now)})
}

// remember keeps a few of the images that were sent.
func (c *feedRow) remember(m message) []message {
	if len(c.sent) == 4 {
		c.sent = append(c.sent[:0], c.sent[1:]...)
	}
	c.sent = append(c.sent, m)
	return []message{m}
}

func (f *feed) draw(id string) *image {
	r := &image{ID: id}
	if f.rnd.IntN(10) > 0 {
		state := []string{"ND", "MN", "SD"}[f.rnd.IntN(3)]
		r.State = &state
	}
	if f.rnd.IntN(20) > 0 {
		score := f.rnd.Int64N(100)
		r.Score = &score
	}
	if f.rnd.IntN(20) > 0 {
		optIn := f.rnd.IntN(3) > 0
		r.OptIn = &optIn
	}
	return r
}

func (f *feed) envelope(op string, before, after *image, now time.Time) []byte {
	return encode(map[string]any{
		"op": op, "before": before, "after": after, "ts_ms": now.UnixMilli(), "transaction": nil,
		"source": map[string]any{
			"version": "3.7.0.Final", "connector": "postgresql", "name": "crm", "ts_ms": now.UnixMilli(),
			"snapshot": "false", "db": "crm", "schema": "public", "table": "contact", "txId": f.lsn, "lsn": f.lsn,
			"sequence": fmt.Sprintf(`["%d","%d"]`, f.lsn-1, f.lsn),
		},
	})
}

// encode writes what always can be written.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// lead changes a lead, or sends the row as it is once more.
func (f *feed) lead() []message {
	i := f.rnd.IntN(len(f.leads))
	l := &f.leads[i]
	id := "l-" + strconv.Itoa(i)
	switch n := f.rnd.IntN(100); {
	case l.row != nil && n < 4:
		l.row = nil
		f.markers++
		return []message{{"lead", []byte(id), nil}}
	case l.row != nil && n < 20:
	default:
		row := f.draw(id)
		stage := []string{"new", "open", "lost"}[f.rnd.IntN(3)]
		row.State, row.OptIn, row.Stage = nil, nil, &stage
		if !row.same(l.row) {
			f.markers++
		}
		l.row = row
	}
	return []message{{"lead", []byte(id), encode(map[string]any{"id": id, "stage": l.row.Stage, "score": l.row.Score})}}
}

// event draws an event. Most are of this instant, some come late, some are ahead of the clock.
func (f *feed) event(now time.Time) []message {
	f.events++
	at := now.Add(-time.Duration(f.rnd.IntN(500)) * time.Millisecond)
	switch f.rnd.IntN(20) {
	case 0:
		at = now.Add(-time.Duration(f.rnd.IntN(25_000)) * time.Millisecond)
	case 1:
		at = now.Add(time.Duration(f.rnd.IntN(4_000)) * time.Millisecond)
	}
	contact := f.contactID()
	e := map[string]any{"id": "e-" + strconv.Itoa(f.events), "contact_id": string(contact),
		"time": at.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)}
	key := contact
	f.markers++
	if f.rnd.IntN(10) < 7 {
		e["type"] = "visited"
		e["props"] = map[string]any{"page": []string{"pricing", "home", "docs"}[f.rnd.IntN(3)]}
	} else {
		e["type"] = "bought"
		e["props"] = map[string]any{"amount": float64(1 + f.rnd.IntN(100))}
		switch f.rnd.IntN(4) {
		case 0:
			e["lead_id"] = string(f.leadID())
			f.markers++
		case 1:
			key = f.leadID()
			e["lead_id"] = string(key)
			delete(e, "contact_id")
		}
	}
	m := message{"engagement", key, encode(e)}
	f.recent[f.rnd.IntN(len(f.recent))] = m
	return []message{m}
}

// unusable draws a record that belongs into the dead letters.
func (f *feed) unusable() message {
	id := f.contactID()
	key := fmt.Appendf(nil, `{"id":%q}`, id)
	switch f.rnd.IntN(7) {
	case 0:
		return message{"engagement", id, []byte(`{"id":"broken","type":"visited"`)}
	case 1:
		return message{"engagement", id, []byte(`{"id":"nobody","type":"visited","time":"2026-01-01T00:00:00Z"}`)}
	case 2:
		return message{"engagement", id, fmt.Appendf(nil,
			`{"id":"text","type":"bought","contact_id":%q,"props":{"amount":"a lot"}}`, id)}
	case 3:
		return message{"engagement", id, fmt.Appendf(nil,
			`{"id":"when","type":"visited","contact_id":%q,"time":"yesterday"}`, id)}
	case 4:
		return message{"lead", nil, []byte(`{"stage":"new","score":1}`)}
	case 5:
		return message{"contact", key, []byte(`not json`)}
	default:
		return message{"contact", key, fmt.Appendf(nil,
			`{"op":"u","before":null,"after":{"id":%q,"score":"high"},"source":{"lsn":%d}}`, id, f.lsn+1)}
	}
}
