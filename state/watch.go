package state

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/weirstream/weir/state/row"
)

// Watches stand behind the memberships of a status: their number, then for each the ID (8 bytes), flags, and what these
// name: due, from, and the number of firings with their instants. Instants are differences, as in memberships.
const (
	watchDue       = 1 << 0 // due is not row.Never and follows
	watchDueMillis = 1 << 1 // the difference is in milliseconds
	watchFrom      = 1 << 2 // from is not 0 and follows
	watchFired     = 1 << 3 // firings follow, in nanoseconds
	watchFlags     = 1<<4 - 1
)

// watchSizeMin is the fewest bytes that a watch takes.
const watchSizeMin = 8 + 1

// appendWatches appends the watches, if there are any. last is the instant written before.
func appendWatches(dst []byte, ws []Watch, last row.Instant) []byte {
	if len(ws) == 0 {
		return dst
	}
	byID := func(a, b Watch) int { return cmp.Compare(a.ID, b.ID) }
	if !slices.IsSortedFunc(ws, byID) {
		ws = slices.Clone(ws)
		slices.SortFunc(ws, byID)
	}
	dst = binary.AppendUvarint(dst, uint64(len(ws)))
	for i := range ws {
		dst, last = appendWatch(dst, &ws[i], last)
	}
	return dst
}

func appendWatch(dst []byte, w *Watch, last row.Instant) ([]byte, row.Instant) {
	dst = binary.BigEndian.AppendUint64(dst, w.ID)
	at := len(dst)
	dst = append(dst, 0)
	var flags byte
	if w.Due != row.Never {
		var millis bool
		dst, millis = appendDifference(dst, w.Due-last)
		flags |= watchDue
		if millis {
			flags |= watchDueMillis
		}
		last = w.Due
	}
	if w.From != 0 {
		dst = binary.AppendUvarint(dst, w.From)
		flags |= watchFrom
	}
	if len(w.Fired) > 0 {
		dst = binary.AppendUvarint(dst, uint64(len(w.Fired)))
		for _, f := range w.Fired {
			dst = binary.AppendVarint(dst, int64(f-last))
			last = f
		}
		flags |= watchFired
	}
	dst[at] = flags
	return dst, last
}

// readWatches appends the watches that b, all of it, holds to ws.
func readWatches(ws []Watch, b []byte, last row.Instant) ([]Watch, error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n == 0 || n > uint64(len(b)-size)/watchSizeMin {
		return ws, ErrValue
	}
	b = b[size:]
	for i := range n {
		w, rest, err := readWatch(b, &last)
		if err != nil {
			return ws, err
		}
		if i > 0 && w.ID <= ws[i-1].ID {
			return ws, ErrValue
		}
		ws, b = append(ws, w), rest
	}
	if len(b) > 0 {
		return ws, ErrValue
	}
	return ws, nil
}

func readWatch(b []byte, last *row.Instant) (w Watch, rest []byte, err error) {
	if len(b) < watchSizeMin || b[8]&^watchFlags != 0 {
		return w, nil, ErrValue
	}
	flags := b[8]
	w.ID, w.Due = binary.BigEndian.Uint64(b), row.Never
	b = b[watchSizeMin:]
	if flags&watchDue != 0 {
		if b, err = readInstant(b, flags&watchDueMillis != 0, last); err != nil {
			return w, nil, err
		}
		w.Due = *last
	}
	if flags&watchFrom != 0 {
		from, size := binary.Uvarint(b)
		if size <= 0 {
			return w, nil, ErrValue
		}
		w.From, b = from, b[size:]
	}
	if flags&watchFired == 0 {
		return w, b, nil
	}
	n, size := binary.Uvarint(b)
	if size <= 0 || n == 0 || n > uint64(len(b)-size) {
		return w, nil, ErrValue
	}
	b = b[size:]
	w.Fired = make([]row.Instant, n)
	for i := range w.Fired {
		if b, err = readInstant(b, false, last); err != nil {
			return w, nil, err
		}
		w.Fired[i] = *last
	}
	return w, b, nil
}
