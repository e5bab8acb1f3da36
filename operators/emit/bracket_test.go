package emit

import (
	"testing"

	"github.com/weirstream/weir/state/row"
)

// TestBrackets writes the beginning and the end of an edit, and its progress, in both formats, and reads them.
func TestBrackets(t *testing.T) {
	for _, format := range []Format{JSON, Msgpack} {
		e := Emitter{Format: format, Source: "/weir/weir/partitions/3", Revision: 7}
		end := e.Bracket(&Bracket{Segment: "nd", Audience: "contact", End: true, Partition: 3, Entered: 200, Left: 5}, 41)
		if end.Topic != "memberships" || string(end.Key) != "nd" {
			t.Errorf("the record is for %s with the key %s", end.Topic, end.Key)
		}
		begin := e.Bracket(&Bracket{Segment: "nd", Audience: "contact", Partition: 3}, 40)
		if string(begin.Headers[1].Value) == string(end.Headers[1].Value) {
			t.Error("begin and end have one id")
		}
		f, err := Read(format.ContentType(), end.Value)
		if err != nil || f["segment"] != "nd" || f["op"] != "end" || f["entered"] != int64(200) || f["left"] != int64(5) ||
			f["revision"] != int64(7) || f["seq"] != int64(41) || f["audience"] != "contact" {
			t.Errorf("%s: got %v, %v", format.ContentType(), f, err)
		}
		p := e.Progress(&Progress{Revision: 9, Partition: 3, At: row.Instant(1), Segments: 2, Subjects: 300, Done: true})
		f, err = Read(format.ContentType(), p.Value)
		if err != nil || p.Topic != "metrics" || f["kind"] != "catalog" || f["name"] != "9" || f["done"] != true ||
			f["subjects"] != int64(300) || f["partition"] != int64(3) {
			t.Errorf("%s: got %v, %v", format.ContentType(), f, err)
		}
	}
	want := `{"segment":"nd","audience":"contact","op":"end","at":"1970-01-01T00:00:00Z","entered":1,"left":0,` +
		`"revision":2,"cause":{"kind":"catalog"},"seq":3}`
	e := Emitter{Revision: 2}
	got := e.Bracket(&Bracket{Segment: "nd", Audience: "contact", End: true, Entered: 1}, 3)
	if string(got.Value) != want {
		t.Errorf("got  %s\nwant %s", got.Value, want)
	}
}

// FuzzRead reads hostile bytes: no panic.
func FuzzRead(f *testing.F) {
	e := Emitter{Format: Msgpack}
	f.Add(e.Bracket(&Bracket{Segment: "nd"}, 1).Value, true)
	f.Add([]byte(`{"a":1,"b":{"c":2.5}}`), false)
	f.Fuzz(func(_ *testing.T, value []byte, msgpack bool) {
		contentType := JSON.ContentType()
		if msgpack {
			contentType = Msgpack.ContentType()
		}
		_, _ = Read(contentType, value)
	})
}
