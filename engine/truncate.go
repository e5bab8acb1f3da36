package engine

import (
	"fmt"
	"slices"

	"github.com/weirstream/weir/state/row"
)

// truncatePage is how many ids of a truncated table are read at a time.
const truncatePage = 1024

// truncated tells whether an image of version v is older than the table's last truncation. A truncation stands in one
// source partition; images that are older, and no longer count, may come after it by the others.
func (t *Task) truncated(g *group, v row.Version) (bool, error) {
	if !v.Known {
		return false, nil
	}
	e, err := t.load(g, truncation)
	if err != nil || !e.subject.Known || v.Against(e.subject.Version) != row.Older {
		return false, err
	}
	t.topic.Stale.Add(1)
	return true, nil
}

// truncation is the key, which no row has, under which the version of a table's last truncation is kept as that of a
// deleted row.
const truncation = ""

// applyTruncate deletes every row of a table that is older than the truncation. To subjects this is one change: none is
// looked at while some rows are gone and others are not.
func (t *Task) applyTruncate(c *Change, now row.Instant) error {
	g := t.groups[c.Table]
	if g == nil {
		return nil
	}
	if old, err := t.truncated(g, c.Version); err != nil || old {
		return err
	}
	if c.Version.Known {
		e, err := t.load(g, truncation)
		if err != nil {
			return err
		}
		t.setRow(e, nil, c)
	}
	if t.links.holding {
		return t.deleteRows(g, c, now)
	}
	queued := len(t.links.work)
	t.HoldEffects()
	if err := t.deleteRows(g, c, now); err != nil {
		return err
	}
	if err := t.resumeHeld(now); err != nil {
		return err
	}
	return t.workInline(now, queued)
}

// deleteRows deletes the rows of a table whose home this is, as the truncation c says. What the triggers on them follow
// to their subjects has lost all of them.
func (t *Task) deleteRows(g *group, c *Change, now row.Instant) error {
	ids, err := t.idsOf(g)
	if err != nil {
		return err
	}
	t.links.truncating = true
	for _, id := range ids {
		if err = t.deleteRow(g, c, id, now); err != nil {
			break
		}
	}
	gone := t.links.departures
	t.links.departures, t.links.truncating = t.links.departures[:0], false
	for i := 0; i < len(gone) && err == nil; i++ {
		d := &gone[i]
		err = t.sendOff(d.group, d.key, d.change, d.cause, now)
	}
	clear(gone)
	return err
}

// deleteRow deletes a row, if there is one and this is its home.
func (t *Task) deleteRow(g *group, c *Change, id string, now row.Instant) error {
	if !t.owns(id) {
		return nil // its home does it
	}
	e, err := t.load(g, id)
	if err != nil || e.subject.Row == nil {
		return err
	}
	gone := *c
	gone.Kind, gone.Key = Delete, id
	return t.applyRow(&gone, now)
}

// idsOf returns the keys of all rows of a table, of the store and of the open epoch, in order.
func (t *Task) idsOf(g *group) ([]string, error) {
	var ids []string
	after := ""
	for {
		page, err := t.store.IDs(t.partition, g.table.Name, after, truncatePage)
		if err != nil {
			return nil, fmt.Errorf("cannot read the keys of table %s: %w", g.table.Name, err)
		}
		ids = append(ids, page...)
		if len(page) < truncatePage {
			break
		}
		after = page[len(page)-1]
	}
	for _, e := range t.epoch.dirty {
		if e.group == g {
			ids = append(ids, e.subject.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}
