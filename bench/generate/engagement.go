package generate

import (
	"strconv"
	"time"
)

// eventMost is the most that an event takes, in bytes.
const eventMost = 400

// engagement draws one event of a contact. Emails that are opened were sent before, links that are clicked
// stand in emails that were opened.
func (g *Generator) engagement(now time.Time) Record {
	switch n := g.rand.IntN(100); {
	case n < 25:
		return g.emailSent(now)
	case n < 42:
		if m, ok := g.sent.any(g.rand); ok {
			g.opened.put(m)
			return g.email("email_opened", m, now)
		}
		return g.emailSent(now)
	case n < 52:
		if m, ok := g.opened.any(g.rand); ok {
			return g.email("link_clicked", m, now)
		}
		return g.emailSent(now)
	case n < 85:
		return g.pageVisited(now)
	case n < 92:
		return g.purchase(now)
	case n < 97:
		return g.form(now)
	default:
		return g.survey(now)
	}
}

// begin starts an event of contact: its key and the members that all events have.
func (g *Generator) begin(kind string, contact int, now time.Time) (key, value []byte) {
	key = g.arena.end(appendID(g.arena.begin(keyMost), "c-", uint64(contact)+1))
	g.events++
	b := append(g.arena.begin(eventMost), `{"id":"`...)
	b = appendID(b, "e-", g.events)
	b = append(b, `","type":"`...)
	b = append(b, kind...)
	b = append(b, `","contact_id":"`...)
	b = append(b, key...)
	b = append(b, `","time":`...)
	b = appendTime(b, now)
	return key, append(b, `,"props":{`...)
}

func (g *Generator) end(key, value []byte) Record {
	return Record{TopicEngagement, key, g.arena.end(append(value, `}}`...))}
}

func (g *Generator) emailSent(now time.Time) Record {
	m := mailing{contact: uint32(g.someone()), email: uint8(g.pick(len(emails)))}
	g.sent.put(m)
	return g.email("email_sent", m, now)
}

func (g *Generator) email(kind string, m mailing, now time.Time) Record {
	key, b := g.begin(kind, int(m.contact), now)
	b = append(b, `"email":"`...)
	b = append(b, emails[m.email]...)
	b = append(b, `","journey":"`...)
	b = append(b, journeys[int(m.email)%len(journeys)]...)
	if kind == "link_clicked" {
		b = append(b, `","link":"`...)
		b = append(b, links[g.pick(len(links))]...)
	}
	return g.end(key, append(b, '"'))
}

func (g *Generator) pageVisited(now time.Time) Record {
	key, b := g.begin("page_visited", g.someone(), now)
	b = append(b, `"url":"`...)
	b = append(b, pages[g.pick(len(pages))]...)
	b = append(b, `","seconds":`...)
	b = strconv.AppendInt(b, int64(1+g.rand.IntN(300)), 10)
	return g.end(key, b)
}

func (g *Generator) purchase(now time.Time) Record {
	key, b := g.begin("purchase", g.someone(), now)
	g.orders++
	product := g.pick(len(products))
	b = append(b, `"order":"`...)
	b = appendID(b, "o-", g.orders)
	b = append(b, `","product":"`...)
	b = append(b, products[product].name...)
	b = append(b, `","category":"`...)
	b = append(b, products[product].category...)
	b = append(b, `","amount":`...)
	b = appendCents(b, 100+int64(g.rand.ExpFloat64()*float64(products[product].cents)))
	b = append(b, `,"currency":"USD"`...)
	return g.end(key, b)
}

func (g *Generator) form(now time.Time) Record {
	key, b := g.begin("form_submitted", g.someone(), now)
	b = append(b, `"form":"`...)
	b = append(b, forms[g.pick(len(forms))]...)
	b = append(b, `","campaign":`...)
	if g.chance(3) {
		b = append(b, "null"...)
	} else {
		b = append(b, '"')
		b = append(b, journeys[g.pick(len(journeys))]...)
		b = append(b, '"')
	}
	return g.end(key, b)
}

func (g *Generator) survey(now time.Time) Record {
	key, b := g.begin("survey_submitted", g.someone(), now)
	b = append(b, `"question":"`...)
	if g.chance(4) {
		b = append(b, `csat","answer":`...)
		b = strconv.AppendInt(b, int64(1+g.rand.IntN(5)), 10)
	} else {
		b = append(b, `nps","answer":`...)
		b = strconv.AppendInt(b, int64(max(g.rand.IntN(11), g.rand.IntN(11))), 10)
	}
	return g.end(key, b)
}
