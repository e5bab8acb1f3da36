package wire_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"github.com/weirstream/weir/state/wire"
)

var ints = []int64{
	0, 1, 127, 128, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64,
	-1, -32, -33, -128, -129, -32768, -32769, math.MinInt32, math.MinInt32 - 1, math.MinInt64,
}

var lengths = []int{0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536}

// times are the edges of the three forms of a timestamp.
var times = []time.Time{
	time.Unix(0, 0), time.Unix(0, 1), time.Unix(math.MaxUint32, 0), time.Unix(math.MaxUint32+1, 0),
	time.Unix(1<<34-1, 999_999_999), time.Unix(1<<34, 0), time.Unix(-1, 5),
	time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
}

func TestLibraryReadsWhatIsAppended(t *testing.T) {
	for _, n := range ints {
		expectDecoded(t, wire.AppendInt(nil, n), n)
	}
	expectDecoded(t, wire.AppendUint(nil, math.MaxUint64), uint64(math.MaxUint64))
	for _, f := range []float64{0, math.Copysign(0, -1), 1.5, math.Inf(-1), math.MaxFloat64} {
		expectDecoded(t, wire.AppendDouble(nil, f), f)
	}
	for _, b := range []bool{true, false} {
		expectDecoded(t, wire.AppendBool(nil, b), b)
	}
	for _, n := range lengths {
		s := strings.Repeat("x", n)
		expectDecoded(t, wire.AppendString(nil, s), s)
		expectDecoded(t, wire.AppendBytes(nil, []byte(s)), []byte(s))
	}
	for _, at := range times {
		var got time.Time
		b := wire.AppendTime(nil, at.Unix(), int32(at.Nanosecond()))
		if err := msgpack.Unmarshal(b, &got); err != nil || !got.Equal(at) {
			t.Errorf("%v: got %v, %v from %x", at, got, err, b)
		}
	}
}

func expectDecoded[T any](t *testing.T, b []byte, want T) {
	t.Helper()
	var got T
	if err := msgpack.Unmarshal(b, &got); err != nil {
		t.Errorf("%v: %v", want, err)
		return
	}
	back, err := msgpack.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := msgpack.Marshal(want)
	if err != nil || !bytes.Equal(back, wanted) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReadsWhatTheLibraryWrites(t *testing.T) {
	for _, n := range ints {
		got, rest, err := wire.ReadInt(marshal(t, n)) // not compact: int64 in full
		if err != nil || got != n || len(rest) != 0 {
			t.Errorf("%d: got %d, %v, rest %x", n, got, err, rest)
		}
	}
	for _, at := range times {
		sec, nanos, rest, err := wire.ReadTime(marshal(t, at))
		if err != nil || sec != at.Unix() || int(nanos) != at.Nanosecond() || len(rest) != 0 {
			t.Errorf("%v: got %d, %d, %v, rest %x", at, sec, nanos, err, rest)
		}
	}
	if f, _, err := wire.ReadDouble(marshal(t, float32(1.25))); err != nil || f != 1.25 {
		t.Errorf("got %v, %v", f, err)
	}
	for _, n := range lengths {
		list := make([]int, n)
		got, rest, err := wire.ReadArray(marshal(t, list))
		if err != nil || got != n || len(rest) < n {
			t.Errorf("array of %d: got %d, %v", n, got, err)
		}
	}
	m := map[string]any{"a": []any{nil, true, map[string]int{"b": 1}}, "c": 1.5, "d": []byte{1}, "e": times[0]}
	rest, err := wire.Skip(append(marshal(t, m), 7))
	if err != nil || len(rest) != 1 {
		t.Errorf("got rest %x, %v", rest, err)
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := msgpack.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNumbersComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		got, rest, err := wire.ReadInt(append(wire.AppendInt(nil, n), 0xc1))
		if err != nil || got != n || len(rest) != 1 {
			t.Fatalf("got %d, %v, rest %x", got, err, rest)
		}
		u := rapid.Uint64().Draw(t, "u")
		gotU, _, err := wire.ReadUint(wire.AppendUint(nil, u))
		if err != nil || gotU != u {
			t.Fatalf("got %d, %v", gotU, err)
		}
	})
}

func TestRefusesWhatDoesNotFit(t *testing.T) {
	if _, _, err := wire.ReadInt(wire.AppendUint(nil, math.MaxInt64+1)); err == nil {
		t.Error("an int beyond the span of an int64 was read")
	}
	if _, _, err := wire.ReadUint(wire.AppendInt(nil, -1)); err == nil {
		t.Error("a negative number was read as uint")
	}
	if _, _, err := wire.ReadArray([]byte{0xdd, 0xff, 0xff, 0xff, 0xff, 0}); err == nil {
		t.Error("an array longer than the bytes was read")
	}
	if _, _, _, err := wire.ReadTime([]byte{0xd7, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}); err == nil {
		t.Error("a timestamp with more than a second of nanoseconds was read")
	}
}

// FuzzSkip reads hostile bytes in every way: nothing panics, and what is read and left together is what was there.
func FuzzSkip(f *testing.F) {
	f.Add(wire.AppendTime(nil, 1<<40, 3))
	f.Add([]byte{0x93, 0x01, 0x81, 0xa1, 'a', 0xc0, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, _ = wire.ReadInt(b)
		_, _, _ = wire.ReadUint(b)
		_, _, _ = wire.ReadBool(b)
		_, _, _ = wire.ReadDouble(b)
		_, _, _ = wire.ReadString(b)
		_, _, _ = wire.ReadBytes(b)
		_, _, _ = wire.ReadArray(b)
		_, _, _ = wire.ReadMap(b)
		_, _, _, _ = wire.ReadTime(b)
		_, _ = wire.ReadNil(b)
		rest, err := wire.Skip(b)
		if err == nil && !bytes.HasSuffix(b, rest) {
			t.Fatalf("rest %x is not the end of %x", rest, b)
		}
		if err == nil && len(rest) >= len(b) {
			t.Fatal("nothing was taken")
		}
	})
}
