package decode

import (
	"strconv"
	"strings"

	"github.com/weirstream/weir/state/row"
)

// sourceSlots is where the fields of a message's source block stand. Each has one place, or two in a row without
// envelope.
type sourceSlots struct {
	snapshot, millis  []int
	lsn               []int // PostgreSQL
	file, pos, row    []int // MySQL, MariaDB
	changeLSN, commit []int // SQL Server
	serial            []int
}

func sourceSlotsOf(at func(name string) []int) sourceSlots {
	return sourceSlots{
		snapshot: at("snapshot"), millis: at("ts_ms"),
		lsn: at("lsn"), file: at("file"), pos: at("pos"), row: at("row"),
		changeLSN: at("change_lsn"), commit: at("commit_lsn"), serial: at("event_serial_no"),
	}
}

// first returns the first node that is there.
func (d *Decoder) first(slots []int) int32 {
	for _, s := range slots {
		if d.slots[s] >= 0 {
			return d.slots[s]
		}
	}
	return noNode
}

// number returns the whole number that stands in slots, also as a string.
func (d *Decoder) number(slots []int) (uint64, bool) {
	n := d.first(slots)
	if f := d.tape.form(n); f != number && f != text {
		return 0, false
	}
	v, ok := integer(d.tape.raw(n))
	return uint64(v), ok && v >= 0
}

// version returns the source's position of a message, and whether a snapshot made it. Positions of one row grow;
// connectors whose messages have none, and rows of an incremental snapshot, have an unknown position.
func (d *Decoder) version(s *sourceSlots, op byte) (v row.Version, snapshot bool) {
	kind := ""
	switch n := d.first(s.snapshot); d.tape.form(n) {
	case text:
		kind = d.tape.string(n, &d.scratch)
	case boolean:
		kind = string(d.tape.raw(n))
	}
	snapshot = op == 'r' || kind != "" && kind != "false"
	if millis, ok := d.number(s.millis); ok {
		v.Millis = int64(millis)
	}
	v.Snapshot = snapshot
	if kind == "incremental" {
		return v, snapshot
	}
	if lsn, ok := d.number(s.lsn); ok {
		v.Known, v.Lo = true, lsn
		return v, snapshot
	}
	v.Hi, v.Lo, v.Known = d.binlog(s)
	if !v.Known {
		v.Hi, v.Lo, v.Known = d.serverLSN(s)
	}
	return v, snapshot
}

// rowMax is the highest row of a binlog event that a position tells apart.
const rowMax = 1<<16 - 1

// binlog returns the position of MySQL and MariaDB: the number of the binlog file; the place in it and the row.
func (d *Decoder) binlog(s *sourceSlots) (hi, lo uint64, ok bool) {
	n := d.first(s.file)
	pos, known := d.number(s.pos)
	if d.tape.form(n) != text || !known || pos >= 1<<48 {
		return 0, 0, false
	}
	name := d.tape.string(n, &d.scratch)
	file, isNumber := integer([]byte(name[strings.LastIndexByte(name, '.')+1:]))
	if !isNumber || file < 0 {
		return 0, 0, false
	}
	index, _ := d.number(s.row)
	return uint64(file), pos<<16 | min(index, rowMax), true
}

// serverLSN returns the position of SQL Server, 00000025:00000448:0003 in hexadecimal: of the change, or in a
// snapshot of the log's end.
func (d *Decoder) serverLSN(s *sourceSlots) (hi, lo uint64, ok bool) {
	n := d.first(s.changeLSN)
	if d.tape.missing(n) {
		n = d.first(s.commit)
	}
	if d.tape.form(n) != text {
		return 0, 0, false
	}
	parts := strings.Split(d.tape.string(n, &d.scratch), ":")
	if len(parts) != 3 {
		return 0, 0, false
	}
	file, err1 := strconv.ParseUint(parts[0], 16, 32)
	block, err2 := strconv.ParseUint(parts[1], 16, 32)
	slot, err3 := strconv.ParseUint(parts[2], 16, 16)
	if err1 != nil || err2 != nil || err3 != nil {
		return 0, 0, false
	}
	serial, _ := d.number(s.serial)
	return file<<32 | block, slot<<32 | min(serial, 1<<32-1), true
}
