package row

// Version is a source's own position of one image of a row: it orders the images of one row, and of one row
// only. The zero Version is unknown: the source gives no position (plain JSON, an incremental snapshot).
type Version struct {
	Known    bool
	Snapshot bool   // read by a snapshot, not from the log of changes
	Hi, Lo   uint64 // PostgreSQL: 0 and the LSN. MySQL, MariaDB: number of the binlog file; position and row in it
	Millis   int64  // the source's own time of the change (commit, or of the snapshot), milliseconds since 1970
}

// Order says how an arriving image stands to the one that is held.
type Order uint8

// The orders of an arriving image.
const (
	Newer Order = iota // to be taken
	Equal              // the same position: a repeated delivery
	Older              // overtaken: to be dropped
)

// Against returns how an image of version v that arrives stands to the held version. Where either is unknown
// the order of arrival decides. A change logged before the position of a snapshot but committed after it was
// not seen by the snapshot (its transaction was open while the snapshot was taken): it is newer.
func (v Version) Against(held Version) Order {
	if !v.Known || !held.Known {
		return Newer
	}
	switch {
	case v.Hi == held.Hi && v.Lo == held.Lo:
		return Equal
	case v.Hi > held.Hi || v.Hi == held.Hi && v.Lo > held.Lo:
		return Newer
	case held.Snapshot && !v.Snapshot && v.Millis > held.Millis:
		return Newer
	}
	return Older
}
