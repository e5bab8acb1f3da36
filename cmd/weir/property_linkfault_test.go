package main

import (
	"slices"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/wire"
)

// linkFaults are planted in what tasks tell each other, in what they remember of links, and in where links lead.
var linkFaults = []plantedFault{
	{fault{name: "images are lost", message: messages(func(m *linkMessage) bool {
		return m.kind != imageMessage || m.last || m.token == 0
	})}, 60},
	{fault{name: "images for those that rows lead to are lost", message: messages(func(m *linkMessage) bool {
		return m.kind != imageMessage || m.token != 0
	})}, 60},
	{fault{name: "an older image wins", message: func() func(*engine.Message) bool {
		older := map[string][]byte{}
		return messages(func(m *linkMessage) bool {
			if m.kind == imageMessage {
				key := m.table + "/" + m.key
				if old := older[key]; old != nil && !m.last {
					m.image = old
				} else {
					older[key] = m.image
				}
			}
			return true
		})()
	}}, 60},
	{fault{name: "nobody subscribes", message: messages(func(m *linkMessage) bool {
		return m.kind != subscribeMessage
	})}, 60},
	{fault{name: "giving up is ignored", message: messages(func(m *linkMessage) bool {
		return m.kind != unsubscribeMessage
	})}, 60},
	{fault{name: "nothing is complete", message: messages(func(m *linkMessage) bool {
		return m.kind != completeMessage
	})}, 60},
	{fault{name: "changes don't reach the triggers of other partitions", message: messages(func(m *linkMessage) bool {
		return m.kind != hopMessage
	})}, 60},
	{fault{name: "a restore loses references", restore: withoutKind(state.RefKind)}, 60},
	{fault{name: "a restore loses subscriptions", restore: withoutKind(state.SubscriptionKind)}, 60},
	{fault{name: "a restore loses subscribers", restore: withoutKind(state.SubscriberKind)}, 60},
	{fault{name: "a changed row fires for whom it led to before", model: func(m *model) { m.viaBefore = true }}, 150},
	{fault{name: "a deleted row fires for nobody", model: func(m *model) { m.viaAfter = true }}, 150},
	{fault{name: "rows fire for subjects that are not there", model: func(m *model) { m.viaNobody = true }}, 150},
	{fault{name: "links lead by another field",
		catalog: replaced("contact, field: contact_id, reverse: deals", "contact, field: other_id, reverse: deals")}, 60},
	{fault{name: "all is any", catalog: replaced(".all(v", ".exists(v")}, 600},
	{fault{name: "truncations are ignored", change: func(c *engine.Change, _ *engine.Record) bool {
		return c.Kind != engine.Truncate
	}}, 60},
	{fault{name: "deleted rows stay where links lead to them", change: func(c *engine.Change, _ *engine.Record) bool {
		return c.Kind != engine.Delete || c.Table == "contact" || c.Table == "lead"
	}}, 60},
	{fault{name: "links never change", change: linksStay()}, 60},
}

// linksStay makes rows lead for ever where they led first.
func linksStay() func(c *engine.Change, _ *engine.Record) bool {
	return func(c *engine.Change, _ *engine.Record) bool {
		if c.Kind == engine.Upsert {
			for i, f := range c.Schema.Fields {
				if f.Name == "contact_id" {
					c.Row[i].Str = "c-1"
				}
			}
		}
		return true
	}
}

// withoutKind drops the facts of a kind.
func withoutKind(kind state.Kind) func([]state.Fact) []state.Fact {
	return func(fs []state.Fact) []state.Fact {
		return slices.DeleteFunc(fs, func(f state.Fact) bool {
			k, err := state.ParseKey(f.Key)
			return err == nil && k.Kind == kind
		})
	}
}

// The kinds of messages between tasks, as the engine writes them.
const (
	imageMessage = iota + 1
	subscribeMessage
	unsubscribeMessage
	completeMessage
	hopMessage
)

// linkMessage is what faults look at in a message between tasks.
type linkMessage struct {
	kind       uint64
	table, key string
	token      uint64
	last       bool
	image      []byte // what follows the home's count
}

// messages plants a fault in messages: look may change the image, and tells whether the message arrives.
func messages(look func(m *linkMessage) bool) func() func(*engine.Message) bool {
	return func() func(*engine.Message) bool {
		return func(raw *engine.Message) bool {
			m, head, err := readMessage(raw.Value)
			if err != nil {
				panic(err) // the engine wrote it
			}
			arrives := look(&m)
			if m.kind == imageMessage {
				raw.Value = append(slices.Clip(head), m.image...)
			}
			return arrives
		}
	}
}

// readMessage takes a message apart; head is all before the image.
func readMessage(value []byte) (m linkMessage, head []byte, err error) {
	_, b, err := wire.ReadArray(value)
	skip := func() {
		if err == nil {
			b, err = wire.Skip(b)
		}
	}
	number := func() (n uint64) {
		if err == nil {
			n, b, err = wire.ReadUint(b)
		}
		return n
	}
	name := func() string {
		var text []byte
		if err == nil {
			text, b, err = wire.ReadString(b)
		}
		return string(text)
	}
	skip()
	m.kind = number()
	skip()
	m.table, m.key = name(), name()
	skip()
	skip()
	m.token = number()
	if err != nil || m.kind != imageMessage {
		return m, nil, err
	}
	if _, b, err = wire.ReadArray(b); err == nil {
		number()
	}
	if err == nil {
		m.image = b
		m.last, _, err = wire.ReadBool(b)
	}
	return m, value[:len(value)-len(b)], err
}
