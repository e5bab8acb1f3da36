package catalog

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// Roster is a fixed set of ids. It keeps 16 bytes of each id's SHA-256 and not the id: 160 MB for the 10 million that
// it may hold, and no id in memory. It is immutable; a nil Roster is empty.
type Roster struct{ digests []digest }

// digest is the beginning of a SHA-256. That two ids have one is not to be expected, not even of ids made for it.
type digest [2]uint64

func digestOf(id []byte) digest {
	sum := sha256.Sum256(id)
	return digest{binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])}
}

func compareDigests(a, b digest) int {
	if c := cmp.Compare(a[0], b[0]); c != 0 {
		return c
	}
	return cmp.Compare(a[1], b[1])
}

// NewRoster returns the set of ids.
func NewRoster(ids ...string) *Roster {
	r := &Roster{}
	for _, id := range ids {
		r.digests = append(r.digests, digestOf([]byte(id)))
	}
	r.finish()
	return r
}

func (r *Roster) finish() {
	slices.SortFunc(r.digests, compareDigests)
	r.digests = slices.Compact(r.digests)
	if cap(r.digests) > len(r.digests)+len(r.digests)/8 {
		r.digests = slices.Clone(r.digests) // what growing left free
	}
}

// Has tells whether id is in the set.
func (r *Roster) Has(id string) bool {
	if r == nil || len(r.digests) == 0 {
		return false
	}
	_, found := slices.BinarySearchFunc(r.digests, digestOf([]byte(id)), compareDigests)
	return found
}

// Len returns the number of ids.
func (r *Roster) Len() int {
	if r == nil {
		return 0
	}
	return len(r.digests)
}

// fingerprint returns a text that no other set of ids has.
func (r *Roster) fingerprint() string {
	h := sha256.New()
	var b [16]byte
	for _, d := range r.digests {
		binary.BigEndian.PutUint64(b[:], d[0])
		binary.BigEndian.PutUint64(b[8:], d[1])
		h.Write(b[:])
	}
	return fmt.Sprintf("%d:%x", len(r.digests), h.Sum(nil)[:16])
}

// Limits of a file of members.
const (
	rosterMax     = 10_000_000
	rosterLineMax = 64 << 10
)

// errRoster is what is wrong with a file of members, for the user: with the line, never with what stands there.
var errRoster = errors.New("not a list of ids")

// readRoster reads a file of ids, one a line: the line, or its first column. A first line that is key is a header. It
// makes room for expected ids.
func readRoster(f io.Reader, key string, expected int) (*Roster, error) {
	r := &Roster{digests: make([]digest, 0, min(expected, rosterMax))}
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 0, 4096), rosterLineMax)
	for number := 1; lines.Scan(); number++ {
		line := lines.Bytes()
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		id, err := firstColumn(line)
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", number, err)
		case len(id) == 0 || number == 1 && string(id) == key:
			continue
		case len(r.digests) == rosterMax:
			return nil, fmt.Errorf("line %d: %w: it has more than %d", number, errRoster, rosterMax)
		}
		r.digests = append(r.digests, digestOf(id))
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("%w: a line is longer than %d bytes", errRoster, rosterLineMax)
	}
	r.finish()
	return r, lines.Err()
}

// firstColumn returns the first column of a line of CSV; nothing of an empty line.
func firstColumn(line []byte) ([]byte, error) {
	line = bytes.TrimSpace(line)
	if !bytes.HasPrefix(line, []byte{'"'}) {
		column, _, _ := bytes.Cut(line, []byte{','})
		column = bytes.TrimSpace(column)
		if len(column) == 0 && len(line) > 0 {
			return nil, fmt.Errorf("%w: the first column is empty", errRoster)
		}
		return column, nil
	}
	columns, err := csv.NewReader(bytes.NewReader(line)).Read()
	if err != nil || columns[0] == "" {
		return nil, fmt.Errorf("%w: the quotes of the first column do not close, or nothing is in them", errRoster)
	}
	return []byte(columns[0]), nil
}

// ids reads a list of ids written in the catalog; nil where there is none.
func (o *object) ids(key string, emptyHint string) *Roster {
	n := o.n.get(key)
	if n == nil {
		return nil
	}
	what := fmt.Sprintf("key %q of %s", key, o.what)
	if n.shape != isList {
		o.b.fault(n.at, fmt.Sprintf("%s must be a list of ids, found %s", what, shown(n)), "write it in brackets: [a, b]")
		return nil
	}
	if len(n.items) == 0 && emptyHint != "" {
		o.b.fault(n.at, what+" is an empty list", emptyHint)
	}
	ids, seen := []string{}, map[string]bool{}
	for _, item := range n.items {
		id := item.text
		if item.shape != isInt { // the key of a table may be a whole number
			if id, item = o.b.text(item, "an element of "+what); item == nil {
				continue
			}
		}
		if seen[id] {
			o.b.fault(item.at, fmt.Sprintf("%s names %s twice", what, quoted(id)), "")
		}
		seen[id] = true
		ids = append(ids, id)
	}
	return NewRoster(ids...)
}

// rosterFile reads the file that a segment names, which stands beside the catalog's file.
func (b *builder) rosterFile(n *node, key, what string) *Roster {
	open := b.open[n.at.source.name]
	if open == nil {
		b.fault(n.at, what+": files of members can't be read here", "write the ids out as members")
		return nil
	}
	// The lines are counted first: a list that grows while it is read would take several times its room.
	lines, r := 0, (*Roster)(nil)
	err := withFile(open, n.text, func(f io.Reader) (err error) {
		lines, err = countLines(f)
		return err
	})
	if err == nil {
		err = withFile(open, n.text, func(f io.Reader) (err error) {
			r, err = readRoster(f, key, lines)
			return err
		})
	}
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		why, _, _ := strings.Cut(err.Error(), "\n")
		b.fault(n.at, fmt.Sprintf("%s: cannot read the file %s: %s", what, quoted(n.text), why),
			"a file beside this one, with one id a line, or a CSV file whose first column is the id")
		return nil
	}
	return r
}

func withFile(open func(string) (io.ReadCloser, error), name string, read func(io.Reader) error) error {
	f, err := open(name)
	if err != nil {
		return err
	}
	return errors.Join(read(f), f.Close())
}

// countLines returns the number of lines, the last of which need not be ended.
func countLines(f io.Reader) (int, error) {
	buf, n := make([]byte, rosterLineMax), 1
	for {
		got, err := f.Read(buf)
		n += bytes.Count(buf[:got], []byte{'\n'})
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
