package membership_test

import (
	"bytes"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"pgregory.net/rapid"

	"github.com/weirstream/weir/state/membership"
)

// model is the members of a chunk as a set.
type model map[uint16]bool

func (m model) change(ordinal uint16, member bool) {
	if member {
		m[ordinal] = true
	} else {
		delete(m, ordinal)
	}
}

func expectMembers(t interface{ Fatalf(string, ...any) }, value []byte, want model) {
	c, err := membership.Decode(value)
	if err != nil {
		t.Fatalf("cannot decode: %v", err)
	}
	if c.Count() != int64(len(want)) {
		t.Fatalf("got %d members, want %d", c.Count(), len(want))
	}
	last := -1
	c.Each(func(o uint16) bool {
		if !want[o] || int(o) <= last || !c.Has(o) {
			t.Fatalf("ordinal %d is no member or comes out of order", o)
		}
		last = int(o)
		return true
	})
}

// draw makes a chain of values, oldest first, and what they say together.
func draw(t *rapid.T) (values [][]byte, want model) {
	want = model{}
	ordinal := rapid.OneOf(rapid.Uint16Range(0, 20), rapid.Uint16())
	for range rapid.IntRange(1, 8).Draw(t, "values") {
		var value []byte
		for range rapid.IntRange(1, 30).Draw(t, "changes") {
			o, member := ordinal.Draw(t, "ordinal"), rapid.Bool().Draw(t, "member")
			value = membership.AppendChange(value, o, member)
			want.change(o, member)
		}
		values = append(values, value)
	}
	return values, want
}

// merge folds values[from:to], beginning anywhere and going on to both sides, as Pebble may.
func merge(t *rapid.T, values [][]byte, base bool) []byte {
	at := rapid.IntRange(0, len(values)-1).Draw(t, "begin")
	scratch := bytes.Clone(values[at])
	m, err := membership.NewMerge(nil, scratch)
	if err != nil {
		t.Fatal(err)
	}
	clear(scratch) // the bytes belong to the caller
	for low, high := at-1, at+1; low >= 0 || high < len(values); {
		older := low >= 0 && (high == len(values) || rapid.Bool().Draw(t, "older"))
		if older {
			scratch, low = bytes.Clone(values[low]), low-1
			err = m.MergeOlder(scratch)
		} else {
			scratch, high = bytes.Clone(values[high]), high+1
			err = m.MergeNewer(scratch)
		}
		if err != nil {
			t.Fatal(err)
		}
		clear(scratch)
	}
	value, closer, err := m.Finish(base)
	if err != nil || closer != nil {
		t.Fatalf("got %v, closer %v", err, closer)
	}
	return value
}

// In whatever order and groups values are merged, they say the same.
func TestMergeIsAssociative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values, want := draw(t)
		for len(values) > 1 && rapid.Bool().Draw(t, "partly") {
			from := rapid.IntRange(0, len(values)-1).Draw(t, "from")
			to := rapid.IntRange(from+1, len(values)).Draw(t, "to")
			folded := merge(t, values[from:to], from == 0 && rapid.Bool().Draw(t, "base known"))
			values = append(append(append([][]byte{}, values[:from]...), folded), values[to:]...)
		}
		expectMembers(t, merge(t, values, true), want)
	})
}

// A partial merge must not pretend to know what is older.
func TestChangesWithoutBaseStayChanges(t *testing.T) {
	base := membership.AppendChange(nil, 1, true)
	m, err := membership.NewMerge(nil, membership.AppendChange(nil, 2, true))
	if err != nil {
		t.Fatal(err)
	}
	partial, _, err := m.Finish(false)
	if err != nil {
		t.Fatal(err)
	}
	if m, err = membership.NewMerge(nil, partial); err == nil {
		err = m.MergeOlder(base)
	}
	if err != nil {
		t.Fatal(err)
	}
	value, _, err := m.Finish(true)
	if err != nil {
		t.Fatal(err)
	}
	expectMembers(t, value, model{1: true, 2: true})
}

// A bitmap says everything, also where Pebble can't tell that nothing older is below it.
func TestBitmapIsItsOwnBase(t *testing.T) {
	m, err := membership.NewMerge(nil, fold(t, membership.AppendChange(nil, 1, true)))
	if err == nil {
		err = m.MergeNewer(membership.AppendChange(nil, 2, true))
	}
	if err == nil {
		err = m.MergeOlder(membership.AppendChange(nil, 3, true))
	}
	if err != nil {
		t.Fatal(err)
	}
	value, _, err := m.Finish(false)
	if err != nil {
		t.Fatal(err)
	}
	expectMembers(t, value, model{1: true, 2: true})
}

func TestLongListsAreShortened(t *testing.T) {
	want := model{}
	var value []byte
	for i := range 5000 {
		ordinal, member := uint16(i%100)*600, i%3 == 0
		value = membership.AppendChange(value, ordinal, member)
		want.change(ordinal, member)
	}
	m, err := membership.NewMerge(nil, value)
	if err != nil {
		t.Fatal(err)
	}
	short, _, err := m.Finish(false)
	if err != nil || len(short) != 1+3*100 {
		t.Fatalf("got %d bytes, %v", len(short), err)
	}
	expectMembers(t, short, want)
}

func TestEmptyAndFullChunks(t *testing.T) {
	var fill, empty []byte
	full := model{}
	for o := range membership.ChunkSize {
		fill = membership.AppendChange(fill, uint16(o), true)
		empty = membership.AppendChange(empty, uint16(o), false)
		full[uint16(o)] = true
	}
	value := fold(t, fill)
	expectMembers(t, value, full)
	if len(value) > 64 {
		t.Errorf("a full chunk takes %d bytes", len(value))
	}
	expectMembers(t, fold(t, value, empty), model{})
}

func fold(t *testing.T, values ...[]byte) []byte {
	t.Helper()
	m, err := membership.NewMerge(nil, values[0])
	for _, v := range values[1:] {
		if err == nil {
			err = m.MergeNewer(v)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	value, _, err := m.Finish(true)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestRefusesDamagedBytes(t *testing.T) {
	beyond := roaring.BitmapOf(membership.ChunkSize)
	bits, err := beyond.ToBytes()
	if err != nil {
		t.Fatal(err)
	}
	good := fold(t, membership.AppendChange(nil, 5, true))
	for name, value := range map[string][]byte{
		"nothing": {}, "unknown tag": {9}, "half a change": {1, 1, 0}, "unknown change": {1, 2, 0, 0},
		"an ordinal beyond the chunk": append([]byte{2}, bits...), "cut off": good[:len(good)-1],
		"too long": append(bytes.Clone(good), 0), "no bitmap": {2},
	} {
		if _, err := membership.Decode(value); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzDecode reads hostile bytes: no panic, in reading or in what is done with the chunk.
func FuzzDecode(f *testing.F) {
	value := membership.AppendChange(membership.AppendChange(nil, 5, true), 70, false)
	f.Add(value)
	m, err := membership.NewMerge(nil, value)
	if err != nil {
		f.Fatal(err)
	}
	bitmap, _, err := m.Finish(true)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bitmap)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := membership.Decode(b)
		if err != nil {
			return
		}
		var n int64
		c.Each(func(uint16) bool { n++; return true })
		if n != c.Count() {
			t.Fatalf("got %d members, want %d", n, c.Count())
		}
		m, err := membership.NewMerge(nil, b)
		if err != nil {
			t.Fatalf("merge refuses what decodes: %v", err)
		}
		if err := m.MergeNewer(membership.AppendChange(nil, 9, true)); err != nil {
			t.Fatal(err)
		}
		value, _, err := m.Finish(true)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := membership.Decode(value); err != nil || !c.Has(9) {
			t.Fatalf("the change is lost: %v", err)
		}
	})
}
