package generate

import (
	"math/bits"
	"strconv"
	"time"
)

// contact is one row of crm.public.contact.
type contact struct {
	customerSince int64 // seconds since 1970; 0: not a customer
	revenue       int64 // cents
	account       uint32
	birthdate     int32 // days since 1970; noBirthdate: unknown
	score         int16
	tags          uint8 // bits of tagNames
	first, last   uint8
	state         uint8 // index of stateNames; the first is null
	stage         uint8
	optIn         bool
}

const noBirthdate = -1 << 31

// account is one row of crm.public.account.
type account struct {
	revenue   int64 // cents
	employees int32
	name      uint16
	industry  uint8
	active    bool
}

func (g *Generator) newAccount() account {
	return account{
		revenue:   int64(g.rand.IntN(5_000_000_00)) + 10_000_00,
		employees: int32(1 + g.rand.IntN(1<<(1+g.rand.IntN(12)))),
		name:      uint16(g.rand.IntN(len(companyNames) * len(companyForms))),
		industry:  uint8(g.pick(len(industries))),
		active:    !g.chance(20),
	}
}

func (g *Generator) newContact() contact {
	day := int32(g.start.Unix() / 86400)
	c := contact{
		account:   uint32(g.rand.IntN(len(g.accounts))),
		birthdate: day - int32(18*365+g.rand.IntN(62*365)),
		score:     int16(g.rand.IntN(100)),
		tags:      uint8(g.rand.IntN(1<<len(tagNames)) & g.rand.IntN(1<<len(tagNames))),
		first:     uint8(g.rand.IntN(len(firstNames))),
		last:      uint8(g.rand.IntN(len(lastNames))),
		state:     uint8(g.rand.IntN(len(stateNames))),
		stage:     uint8(g.pick(len(stageNames))),
		optIn:     !g.chance(3),
	}
	if g.chance(10) {
		c.birthdate = noBirthdate
	}
	if g.chance(2) {
		c.customerSince = g.start.Unix() - int64(g.rand.IntN(3*365*86400))
		c.revenue = int64(g.rand.ExpFloat64() * 1500_00)
	}
	return c
}

// changeContact changes what sales and marketing change, one thing or another.
func (g *Generator) changeContact(i int, now time.Time) {
	c := &g.contacts[i]
	switch n := g.rand.IntN(100); {
	case n < 40:
		c.score = min(max(c.score+int16(g.rand.IntN(61))-30, 0), 100)
	case n < 60:
		c.revenue += int64(g.rand.ExpFloat64() * 300_00)
		if c.customerSince == 0 {
			c.customerSince = now.Unix()
		}
	case n < 75:
		c.tags ^= 1 << g.rand.IntN(len(tagNames))
	case n < 85:
		c.optIn = !c.optIn
	case n < 95:
		c.stage = uint8(g.rand.IntN(len(stageNames)))
	default:
		c.state = uint8(g.rand.IntN(len(stateNames)))
	}
}

func (g *Generator) changeAccount(i int) {
	a := &g.accounts[i]
	switch g.rand.IntN(3) {
	case 0:
		a.revenue += a.revenue / 100 * int64(g.rand.IntN(11)-5)
	case 1:
		a.employees = max(a.employees+int32(g.rand.IntN(11)-5), 1)
	default:
		a.industry = uint8(g.pick(len(industries)))
	}
}

// The most that a key and the value of a row take, in bytes.
const (
	keyMost = 64
	rowMost = 1400
)

// rowKey is the key as Connect's JSON converter writes it without schemas: {"id":"c-17"}.
func (g *Generator) rowKey(prefix string, i int) []byte {
	b := append(g.arena.begin(keyMost), `{"id":"`...)
	b = appendID(b, prefix, uint64(i)+1)
	return g.arena.end(append(b, `"}`...))
}

func appendID(b []byte, prefix string, n uint64) []byte {
	return strconv.AppendUint(append(b, prefix...), n, 10)
}

func (g *Generator) contactRecord(i int, op byte, now time.Time) Record {
	c := &g.contacts[i]
	key := g.rowKey("c-", i)
	b := append(g.arena.begin(rowMost), `{"before":null,"after":{"id":"`...)
	b = appendID(b, "c-", uint64(i)+1)
	b = append(b, `","email":"`...)
	b = append(b, firstMails[c.first]...)
	b = append(b, '.')
	b = append(b, lastMails[c.last]...)
	b = append(b, mailHosts[i%len(mailHosts)]...)
	b = append(b, `","first_name":"`...)
	b = append(b, firstNames[c.first]...)
	b = append(b, `","last_name":"`...)
	b = append(b, lastNames[c.last]...)
	b = append(b, `","state":`...)
	b = append(b, stateNames[c.state]...)
	b = append(b, `,"stage":"`...)
	b = append(b, stageNames[c.stage]...)
	b = append(b, `","score":`...)
	b = strconv.AppendInt(b, int64(c.score), 10)
	b = append(b, `,"revenue":`...)
	b = appendCents(b, c.revenue)
	b = append(b, `,"opt_in":`...)
	b = strconv.AppendBool(b, c.optIn)
	b = append(b, `,"birthdate":`...)
	b = appendOrNull(b, c.birthdate != noBirthdate, func(b []byte) []byte {
		return strconv.AppendInt(b, int64(c.birthdate), 10)
	})
	b = append(b, `,"customer_since":`...)
	b = appendOrNull(b, c.customerSince != 0, func(b []byte) []byte {
		return appendTime(b, time.Unix(c.customerSince, 0).UTC())
	})
	b = append(b, `,"tags":[`...)
	for t := c.tags; t != 0; t &= t - 1 {
		if t != c.tags {
			b = append(b, ',')
		}
		b = append(b, tagNames[bits.TrailingZeros8(t)]...)
	}
	b = append(b, `],"account_id":"`...)
	b = appendID(b, "a-", uint64(c.account)+1)
	b = append(b, `","updated_at":`...)
	b = appendTime(b, now)
	return Record{TopicContact, key, g.arena.end(g.appendSource(b, "contact", op, now))}
}

func (g *Generator) accountRecord(i int, op byte, now time.Time) Record {
	a := &g.accounts[i]
	key := g.rowKey("a-", i)
	b := append(g.arena.begin(rowMost), `{"before":null,"after":{"id":"`...)
	b = appendID(b, "a-", uint64(i)+1)
	b = append(b, `","name":"`...)
	b = append(b, companyNames[int(a.name)/len(companyForms)]...)
	b = append(b, companyForms[int(a.name)%len(companyForms)]...)
	b = append(b, `","industry":"`...)
	b = append(b, industries[a.industry]...)
	b = append(b, `","employees":`...)
	b = strconv.AppendInt(b, int64(a.employees), 10)
	b = append(b, `,"annual_revenue":`...)
	b = appendCents(b, a.revenue)
	b = append(b, `,"is_active":`...)
	b = strconv.AppendBool(b, a.active)
	return Record{TopicAccount, key, g.arena.end(g.appendSource(b, "account", op, now))}
}

// appendSource ends the row and adds the rest of Debezium's envelope. Each change has its own position.
func (g *Generator) appendSource(b []byte, table string, op byte, now time.Time) []byte {
	commit := g.lsn
	g.lsn += 56 + g.rand.Uint64N(200)
	if op != 'r' {
		g.tx++
	}
	millis, nanos := now.UnixMilli(), now.UnixNano()
	b = append(b, `},"source":{"version":"3.7.0.Final","connector":"postgresql","name":"crm","ts_ms":`...)
	b = strconv.AppendInt(b, millis, 10)
	b = append(b, `,"snapshot":"`...)
	if op == 'r' {
		b = append(b, `true","db":"crm","sequence":"[null,\"`...)
	} else {
		b = append(b, `false","db":"crm","sequence":"[\"`...)
		b = strconv.AppendUint(b, commit, 10)
		b = append(b, `\",\"`...)
	}
	b = strconv.AppendUint(b, g.lsn, 10)
	b = append(b, `\"]","ts_us":`...)
	b = strconv.AppendInt(b, nanos/1000, 10)
	b = append(b, `,"ts_ns":`...)
	b = strconv.AppendInt(b, nanos, 10)
	b = append(b, `,"schema":"public","table":"`...)
	b = append(b, table...)
	b = append(b, `","txId":`...)
	b = strconv.AppendUint(b, g.tx, 10)
	b = append(b, `,"lsn":`...)
	b = strconv.AppendUint(b, g.lsn, 10)
	b = append(b, `,"xmin":null,"origin":null,"origin_lsn":null},"transaction":null,"op":"`...)
	b = append(b, op)
	b = append(b, `","ts_ms":`...)
	b = strconv.AppendInt(b, millis, 10)
	b = append(b, `,"ts_us":`...)
	b = strconv.AppendInt(b, nanos/1000, 10)
	b = append(b, `,"ts_ns":`...)
	b = strconv.AppendInt(b, nanos, 10)
	return append(b, '}')
}

func appendOrNull(b []byte, ok bool, value func([]byte) []byte) []byte {
	if !ok {
		return append(b, "null"...)
	}
	return value(b)
}

// appendCents writes an amount with two digits after the point.
func appendCents(b []byte, cents int64) []byte {
	b = strconv.AppendInt(b, cents/100, 10)
	c := cents % 100
	return append(b, '.', byte('0'+c/10), byte('0'+c%10))
}

// appendTime writes t, in UTC, as Debezium writes a timestamptz of PostgreSQL: with six digits of the second.
func appendTime(b []byte, t time.Time) []byte {
	return t.AppendFormat(b, `"2006-01-02T15:04:05.000000Z"`)
}
