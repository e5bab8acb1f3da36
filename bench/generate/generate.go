// Package generate makes believable data: accounts and contacts as Debezium writes them, and the engagement
// of the contacts as plain JSON. The same seed, options and times give the same records, byte for byte.
package generate

import (
	"math/rand/v2"
	"time"
)

// The topics of the records.
const (
	TopicContact    = "crm.public.contact"
	TopicAccount    = "crm.public.account"
	TopicEngagement = "engagement"
)

// Record is one record to produce. Key and Value stay as they are: the caller may keep them.
type Record struct {
	Topic      string
	Key, Value []byte
}

// Options say what to generate.
type Options struct {
	Seed     uint64
	Contacts int       // at least 1; default 10,000
	Accounts int       // at least 1; default a hundredth of the contacts
	Start    time.Time // when the snapshot of Load is taken; default 2026-01-01T00:00:00Z
	Growth   int       // new contacts in a thousand records of the stream, at most 100; default 5; negative: none
}

// The shares of the stream in thousandths: the rest is updates of accounts.
const (
	engagementShare = 800
	contactShare    = 180
)

// Generator holds the tables as they are now and draws what happens next. It belongs to one goroutine.
type Generator struct {
	start    time.Time
	growth   int
	initial  int // contacts at the beginning
	rand     *rand.Rand
	popular  *rand.Zipf // picks contacts: a few do much, most do little
	page     *rand.Zipf // picks pages, emails and products
	contacts []contact
	accounts []account
	lsn, tx  uint64 // position and transaction of the last change
	events   uint64 // ids given to events
	orders   uint64
	sent     ring // recent emails, which may be opened
	opened   ring // recently opened emails, of which a link may be clicked
	arena    arena
}

// New returns a generator whose tables are filled.
func New(o Options) *Generator {
	if o.Contacts <= 0 {
		o.Contacts = 10_000
	}
	if o.Accounts <= 0 {
		o.Accounts = max(o.Contacts/100, 1)
	}
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Growth == 0 {
		o.Growth = 5
	}
	r := rand.New(rand.NewPCG(o.Seed, 0x9e3779b97f4a7c15))
	g := &Generator{
		start:   o.Start.UTC(),
		growth:  min(o.Growth, 100),
		initial: o.Contacts,
		rand:    r,
		// The offset flattens the head: of 10,000 contacts the busiest has a thousandth of the engagement, not a
		// tenth, as no person opens a hundred emails a second.
		popular:  rand.NewZipf(r, 1.2, 1+float64(o.Contacts)/20, uint64(o.Contacts-1)),
		page:     rand.NewZipf(r, 1.4, 2, zipfMax),
		contacts: make([]contact, o.Contacts),
		accounts: make([]account, o.Accounts),
		lsn:      35_648_016,
		tx:       787,
	}
	for i := range g.accounts {
		g.accounts[i] = g.newAccount()
	}
	for i := range g.contacts {
		g.contacts[i] = g.newContact()
	}
	return g
}

// Load yields the snapshot: every account, then every contact, as a connector that starts reads them. It stops
// when yield returns false. It must be called before Next, if at all.
func (g *Generator) Load(yield func(Record) bool) {
	for i := range g.accounts {
		if !yield(g.accountRecord(i, 'r', g.start)) {
			return
		}
	}
	for i := range g.contacts {
		if !yield(g.contactRecord(i, 'r', g.start)) {
			return
		}
	}
}

// Next returns what happens next, at now: engagement, for the most part, or a change of a contact or an account.
func (g *Generator) Next(now time.Time) Record {
	now = now.UTC()
	switch n := g.rand.IntN(1000); {
	case n < engagementShare:
		return g.engagement(now)
	case n < engagementShare+g.growth:
		g.contacts = append(g.contacts, g.newContact())
		return g.contactRecord(len(g.contacts)-1, 'c', now)
	case n < engagementShare+contactShare:
		i := g.someone()
		g.changeContact(i, now)
		return g.contactRecord(i, 'u', now)
	default:
		i := g.rand.IntN(len(g.accounts))
		g.changeAccount(i)
		return g.accountRecord(i, 'u', now)
	}
}

// someone returns the index of a contact who does something: one of the busy, for the most part, and now and
// then one of the last that came.
func (g *Generator) someone() int {
	if recent := min(len(g.contacts)-g.initial, 100); recent > 0 && g.chance(20) {
		return len(g.contacts) - 1 - g.rand.IntN(recent)
	}
	return int(g.popular.Uint64())
}

// chance is true in one of n cases.
func (g *Generator) chance(n int) bool { return g.rand.IntN(n) == 0 }

// pick returns an index below n, small ones more often.
func (g *Generator) pick(n int) int { return int(g.page.Uint64()) % n }

const zipfMax = 1 << 16

// arena hands out small byte slices cut from large ones: a few allocations for a thousand records.
type arena struct{ free []byte }

const arenaSize = 256 << 10

// begin returns an empty slice to append a record of at most most bytes to; a longer one is still correct.
func (a *arena) begin(most int) []byte {
	if cap(a.free) < most {
		a.free = make([]byte, 0, arenaSize)
	}
	return a.free
}

// end takes what was appended to the slice of begin out of the arena.
func (a *arena) end(b []byte) []byte {
	if len(b) <= cap(a.free) {
		a.free = a.free[len(b):len(b):cap(a.free)]
	}
	return b[:len(b):len(b)]
}

// ring holds the most recent of something that a contact did with an email.
type ring struct {
	items [1024]mailing
	n     uint64 // put so far
}

type mailing struct {
	contact uint32
	email   uint8
}

func (r *ring) put(m mailing) {
	r.items[r.n%uint64(len(r.items))] = m
	r.n++
}

// any returns one of the recent items.
func (r *ring) any(rnd *rand.Rand) (mailing, bool) {
	if r.n == 0 {
		return mailing{}, false
	}
	return r.items[rnd.Uint64N(min(r.n, uint64(len(r.items))))], true
}
