package oracle

import (
	"cmp"
	"slices"
	"strings"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// Table is the rows of a table, in any order.
type Table struct {
	Table *expr.Table
	Key   int // the field that is the key: no two rows have one
	Rows  []row.Row
}

// Tables follows links by looking through all rows: the slow truth about links. A link of a row with a null, or to a
// key that no row has, leads to none.
type Tables []Table

// One implements expr.Rows.
func (ts Tables) One(l *expr.Link, from row.Row) row.Row {
	to := ts.of(l.To)
	for _, r := range to.Rows {
		if names(from, l.Field, r, to.Key) {
			return r
		}
	}
	return nil
}

// Many implements expr.Rows.
func (ts Tables) Many(l *expr.Link, from row.Row) []row.Row {
	source := slices.IndexFunc(ts, func(t Table) bool { return slices.Contains(t.Table.Links, l) })
	if source < 0 {
		return nil
	}
	to := ts.of(l.To)
	var rows []row.Row
	for _, r := range to.Rows {
		if names(r, l.Field, from, ts[source].Key) {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b row.Row) int {
		if a[to.Key].Kind == row.Int {
			return cmp.Compare(a[to.Key].Int, b[to.Key].Int)
		}
		return strings.Compare(a[to.Key].Str, b[to.Key].Str)
	})
	return rows
}

func (ts Tables) of(t *expr.Table) Table {
	for _, have := range ts {
		if have.Table == t {
			return have
		}
	}
	return Table{}
}

// names tells whether the field of r is the key of other.
func names(r row.Row, field int, other row.Row, key int) bool {
	return field < len(r) && key < len(other) && r[field].Kind != row.Null && r[field].Same(other[key])
}
