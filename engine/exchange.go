package engine

import (
	"errors"
	"fmt"

	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state/row"
)

// TakeMessage applies one record of the exchange topic at the instant now, after all timers due before it. A record
// that can't be read goes to the dead letters.
func (t *Task) TakeMessage(rec *Record, now row.Instant) error {
	o := Origin{Topic: rec.Topic, TopicID: rec.TopicID, Partition: rec.Partition, Offset: rec.Offset, Time: rec.Time}
	if !t.take(&o) {
		t.topic.Duplicates.Add(1)
		return nil
	}
	t.topic.Records.Add(1)
	err := t.Receive(rec.Value, now)
	var unreadable *unreadableError
	if errors.As(err, &unreadable) {
		t.config.Counts.Deadletters.Add(1)
		t.put(emit.Deadletter(now, rec.Topic, rec.Partition, rec.Offset, err.Error(), rec.Key, rec.Value, nil))
		return nil
	}
	return err
}

// unreadableError says that a record of the exchange topic is none.
type unreadableError struct{ err error }

func (e *unreadableError) Error() string { return e.err.Error() }
func (e *unreadableError) Unwrap() error { return e.err }

// Receive applies the value of one message of another task at the instant now.
func (t *Task) Receive(value []byte, now row.Instant) error {
	t.epoch.began = true
	now = t.tick(now)
	var m message
	err := decodeMessage(t.catalog, value, &m)
	switch {
	case errors.Is(err, errUnknown):
		t.config.Counts.Unknown.Add(1)
		return nil
	case err != nil:
		return &unreadableError{err}
	}
	t.born = now
	if m.born != 0 {
		t.born = m.born
	}
	queued := len(t.links.work)
	switch m.kind {
	case imageMessage:
		err = t.takeImage(&m)
	case subscribeMessage:
		err = t.takeSubscribe(&m)
	case unsubscribeMessage:
		err = t.takeUnsubscribe(&m)
	case completeMessage:
		err = t.takeComplete(&m)
	case hopMessage:
		err = t.takeHop(&m, now)
	case requestMessage:
		err = t.takeRequest(&m)
	case linkedMessage:
		err = t.takeLinked(&m)
	}
	if err != nil {
		return fmt.Errorf("cannot take a message of partition %d in partition %d: %w", m.from, t.partition, err)
	}
	return t.workInline(now, queued)
}

func (t *Task) takeComplete(m *message) error {
	s, ok, err := t.current(m)
	if err != nil || !ok {
		return err
	}
	return t.complete(s)
}

// workInline brings what a record has just queued, from the piece of work at first on, to the first subjects at once.
func (t *Task) workInline(now row.Instant, first int) error {
	if t.links.holding || first >= len(t.links.work) {
		return nil
	}
	return t.work(now, first, inlineVisits)
}

// ExchangeNext returns where the task goes on in the exchange topic, and the id of that topic; zero: at its start.
func (t *Task) ExchangeNext() (topic [16]byte, next int64) {
	name := t.config.App + exchangeSuffix
	for s, m := range t.sources {
		if s.Name == name && s.Partition == t.partition && m.offset>>16 >= next {
			topic, next = s.Topic, m.offset>>16+1
		}
	}
	return topic, next
}

// exchangeSuffix is the name of the exchange topic, behind the application's prefix.
const exchangeSuffix = ".internal.exchange"

// HoldEffects makes changes wait until SettleEffects: what all tasks exchange at one instant is one change then, as if
// there were one partition only.
func (t *Task) HoldEffects() { t.links.holding = true }

// SettleEffects carries out what waited, at the instant now. Nothing may be left in the exchange.
func (t *Task) SettleEffects(now row.Instant) error {
	if err := t.resumeHeld(now); err != nil {
		return err
	}
	t.unblock()
	return t.work(now, 0, workAll)
}

// resumeHeld ends HoldEffects: it carries out what waited for nothing else.
func (t *Task) resumeHeld(now row.Instant) error {
	t.links.holding = false
	held := t.links.held
	t.links.held = t.links.held[:0]
	for _, k := range held {
		e, err := t.load(t.groups[k.table], k.id)
		if err != nil {
			return err
		}
		if waits, err := t.waiting(e); err != nil || waits || len(e.deferred) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		if err := t.resume(e, now); err != nil {
			return err
		}
	}
	return nil
}

// workAll is as much work as there can be.
const workAll = 1 << 30

// Messages returns what the open epoch has for other tasks, and forgets it.
func (t *Task) Messages() []Message {
	out := t.epoch.messages
	t.epoch.messages = nil
	return out
}
