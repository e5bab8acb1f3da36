package emit

import (
	"strconv"

	"github.com/weirstream/weir/state/row"
)

// Bracket is the beginning or the end of what a changed catalog does to a segment in one partition.
type Bracket struct {
	Segment, Audience string
	End               bool
	At                row.Instant
	Partition         int32
	Entered, Left     uint64 // by it, so far
}

// Bracket writes that b begins or ends, as the partition's record number seq. Its key is the segment's name alone, so
// that a compacted topic keeps a partition's last one.
func (e *Emitter) Bracket(b *Bracket, seq uint64) Record {
	w := e.start()
	op := "begin"
	if b.End {
		op = "end"
	}
	w.text("segment", b.Segment)
	w.text("audience", b.Audience)
	w.text("op", op)
	w.instant("at", b.At)
	w.number("entered", int64(b.Entered))
	w.number("left", int64(b.Left))
	e.finish(Cause{Kind: "catalog"}, seq)
	ce := identity("backfill", b.Segment, b.Audience, op, strconv.Itoa(int(b.Partition)),
		strconv.FormatInt(e.Revision, 10))
	return e.record("memberships", b.Segment, "weir.segment.backfill.v1", ce, b.Audience, b.At)
}

// Progress is how far a partition has brought a revision of the catalog over its subjects.
type Progress struct {
	Revision  int64 // of the catalog, as it was published
	Partition int32
	At        row.Instant
	Segments  int    // new, changed and removed ones; while it goes on
	Subjects  uint64 // done
	Done      bool
}

// Progress writes p to the metrics topic. As all records there it bears no seq.
func (e *Emitter) Progress(p *Progress) Record {
	w := e.start()
	name := strconv.FormatInt(p.Revision, 10)
	w.text("kind", "catalog")
	w.text("name", name)
	w.number("partition", int64(p.Partition))
	w.instant("to", p.At)
	w.number("segments", int64(p.Segments))
	w.number("subjects", int64(p.Subjects))
	w.key("done")
	w.bool(p.Done)
	w.end()
	ce := identity("catalog", name, strconv.Itoa(int(p.Partition)), strconv.FormatUint(p.Subjects, 10),
		strconv.FormatBool(p.Done))
	return e.record("metrics", "catalog/"+name, "weir.metrics.v1", ce, "catalog/"+name, p.At)
}
