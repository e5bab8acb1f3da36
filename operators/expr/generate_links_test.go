package expr_test

import (
	"fmt"
	"slices"

	"github.com/weirstream/weir/operators/expr"
)

// The part of source that draws rows and lists of rows behind links. The type of a row is the name of its table.

// table draws the name of a table.
func (g *source) table() string { return g.scope.Tables[g.pick(len(g.scope.Tables))].Schema.Name }

func (g *source) isTable(typ string) bool {
	return slices.ContainsFunc(g.scope.Tables, func(t *expr.Table) bool { return t.Schema.Name == typ })
}

// objects draws the type of a list of events or of rows.
func (g *source) objects() string {
	if len(g.scope.Tables) > 0 && g.pick(2) == 0 {
		return g.table()
	}
	return "event"
}

// step is a link with the name of the table that it leads from.
type step struct {
	from string
	link *expr.Link
}

// linksTo returns the links that lead to a table.
func (g *source) linksTo(table string, many bool) []step {
	var steps []step
	for _, t := range g.scope.Tables {
		for _, l := range t.Links {
			if l.Many == many && l.To.Schema.Name == table {
				steps = append(steps, step{t.Schema.Name, l})
			}
		}
	}
	return steps
}

// anyLink draws a link of some row.
func (g *source) anyLink(depth int) string {
	t := g.scope.Tables[g.pick(len(g.scope.Tables))]
	return g.row(t.Schema.Name, depth) + "." + t.Links[g.pick(len(t.Links))].Name
}

// row draws a row of a table.
func (g *source) row(table string, depth int) string {
	if names := g.bound(table); len(names) > 0 && g.pick(2) == 0 {
		return g.of(names...)
	}
	if depth <= 0 {
		return map[string]string{"contact": "contact", "account": "contact.account", "deal": "contact.deals[0]"}[table]
	}
	switch g.pick(12) {
	case 0:
		return g.rows(table, depth-1) + "[" + g.of("0", "0", "1") + "]"
	case 1:
		return fmt.Sprintf("(%s ? %s : %s)", g.bool(0), g.row(table, depth-1), g.row(table, depth-1))
	case 2:
		return fmt.Sprintf("[%s, %s][1]", g.row(table, depth-1), g.row(table, depth-1))
	case 3, 4:
		return g.row(table, 0)
	}
	if steps := g.linksTo(table, false); len(steps) > 0 {
		s := steps[g.pick(len(steps))]
		return g.row(s.from, depth-1) + "." + s.link.Name
	}
	return g.row(table, depth-1)
}

// rows draws a list of rows of a table.
func (g *source) rows(table string, depth int) string {
	if depth <= 0 {
		return map[string]string{"contact": "contact.reports", "account": "contact.owned", "deal": "contact.deals"}[table]
	}
	switch g.pick(12) {
	case 0, 1:
		return g.rows(table, depth-1) + ".filter(" + g.bind(table, func(name string) string {
			return name + ", " + g.bool(depth-1) + ")"
		})
	case 2:
		return fmt.Sprintf("[%s, %s]", g.row(table, depth-1), g.row(table, depth-1))
	case 3:
		return fmt.Sprintf("(%s ? %s : %s)", g.bool(depth-1), g.rows(table, depth-1), g.rows(table, depth-1))
	case 4:
		return "(" + g.rows(table, depth-1) + " + " + g.rows(table, depth-1) + ")"
	case 5:
		if steps := g.linksTo(table, false); len(steps) > 0 {
			s := steps[g.pick(len(steps))]
			return g.rows(s.from, depth-1) + ".map(" + g.bind(s.from, func(name string) string {
				return name + ", " + name + "." + s.link.Name + ")"
			})
		}
	case 6:
		if g.scope.Change != nil && g.scope.Change.Name == table {
			return fmt.Sprintf("[after, %s]", g.row(table, depth-1))
		}
	}
	steps := g.linksTo(table, true)
	s := steps[g.pick(len(steps))]
	return g.row(s.from, depth-1) + "." + s.link.Name
}
