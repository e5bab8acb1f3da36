package systemtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/weirstream/weir/engine"
)

// sources is what the source topics say, read back from Kafka record by record: for each subject its changes, and the
// records that nobody can use.
type sources struct {
	prefix   string                 // of the source topics
	subjects map[string]*history    // by audience/id
	bad      map[origin]sourceBytes // what belongs into the dead letters
	home     map[string]int32       // by id: the partition that Kafka's partitioner gave a plain key
	markers  int                    // changes that took effect
}

type sourceBytes struct{ key, value []byte }

// history is what the source topics say of one subject.
type history struct {
	row    *image
	lsn    int64
	rows   []change           // in their order
	events map[string]*change // by kind/id: the first of each
}

func newSources(prefix string) *sources {
	return &sources{prefix: prefix, subjects: map[string]*history{}, bad: map[origin]sourceBytes{},
		home: map[string]int32{}}
}

func (s *sources) of(audience, id string) *history {
	name := audience + "/" + id
	h := s.subjects[name]
	if h == nil {
		h = &history{events: map[string]*change{}}
		s.subjects[name] = h
	}
	return h
}

// add takes one record. The records of a partition must come in their order.
func (s *sources) add(r *engine.Record) error {
	from := origin{r.Topic, r.Partition, r.Offset}
	var err error
	switch r.Topic {
	case s.prefix + ".contact":
		err = s.addContact(from, r)
	case s.prefix + ".lead":
		err = s.addLead(from, r)
	case s.prefix + ".engagement":
		s.home[string(r.Key)] = r.Partition
		err = s.addEvent(from, r)
	default:
		return fmt.Errorf("a record of topic %s, which is no source", r.Topic)
	}
	if err != nil {
		s.bad[from] = sourceBytes{bytes.Clone(r.Key), bytes.Clone(r.Value)}
	}
	return nil
}

// addContact takes a Debezium message. One that is not after the newest seen of its row says nothing.
func (s *sources) addContact(from origin, r *engine.Record) error {
	if r.Value == nil {
		return nil // a tombstone: it follows the deletion
	}
	var key struct{ ID string }
	var m struct {
		After  *image
		Op     string
		Source struct{ Lsn int64 }
	}
	if err := json.Unmarshal(r.Value, &m); err != nil {
		return err
	}
	if err := json.Unmarshal(r.Key, &key); err != nil {
		return err
	}
	h := s.of("contact", key.ID)
	if m.Source.Lsn <= h.lsn {
		return nil
	}
	h.lsn = m.Source.Lsn
	s.change(h, from, m.After)
	return nil
}

// addLead takes a plain row; no value deletes.
func (s *sources) addLead(from origin, r *engine.Record) error {
	if r.Value == nil {
		s.change(s.of("lead", string(r.Key)), from, nil)
		return nil
	}
	row := &image{}
	if err := json.Unmarshal(r.Value, row); err != nil {
		return err
	}
	if row.ID == "" {
		return fmt.Errorf("no id")
	}
	s.change(s.of("lead", row.ID), from, row)
	return nil
}

// change makes after the row of h, if that is a change.
func (s *sources) change(h *history, from origin, after *image) {
	if h.row.same(after) {
		return
	}
	h.rows = append(h.rows, change{origin: from, before: h.row, after: after})
	h.row = after
	s.markers++
}

func (s *sources) addEvent(from origin, r *engine.Record) error {
	var m struct {
		ID, Type  string
		ContactID string `json:"contact_id"`
		LeadID    string `json:"lead_id"`
		Time      time.Time
		Props     struct {
			Page   string
			Amount float64
		}
	}
	if err := json.Unmarshal(r.Value, &m); err != nil {
		return err
	}
	if m.Type != "visited" && m.Type != "bought" {
		return nil
	}
	e := &occurrence{kind: m.Type, id: m.ID, time: m.Time.UnixNano(), page: m.Props.Page, amount: m.Props.Amount}
	if m.ContactID == "" && (m.LeadID == "" || m.Type == "visited") {
		return fmt.Errorf("no subject")
	}
	if m.ContactID != "" {
		s.occur(s.of("contact", m.ContactID), from, e)
	}
	if m.LeadID != "" && m.Type == "bought" {
		s.occur(s.of("lead", m.LeadID), from, e)
	}
	return nil
}

func (s *sources) occur(h *history, from origin, e *occurrence) {
	name := e.kind + "/" + e.id
	if h.events[name] != nil {
		return
	}
	h.events[name] = &change{origin: from, event: e}
	s.markers++
}
