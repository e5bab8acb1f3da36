package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/weirstream/weir/state/membership"
)

// storeFormat is the number of the layout that FORMAT.md describes. A store of another one is refused.
const storeFormat = 1

// pebbleFormat is Pebble's own format, by number: a later Pebble must not change what is on disk by itself.
const pebbleFormat = pebble.FormatMajorVersion(24)

// Options are what can be set of a store. The zero Options are good for a worker with few partitions.
type Options struct {
	CacheBytes    int64        // for blocks read from disk and memtables; 0: 128 MiB; raised to a useful least
	MemTableBytes int64        // of one memtable, 1 MiB to 1 GiB; 0: 32 MiB
	Log           *slog.Logger // for faults of the disk; nil: slog.Default

	fs vfs.FS // nil: the machine's
}

const (
	cacheDefault    = 128 << 20
	memTableDefault = 32 << 20
	memTableMin     = 1 << 20
	memTableMax     = 1 << 30
	blocksMin       = 8 << 20 // memtables are charged to the cache: what must be left of it for blocks
	memTables       = 2       // that may exist at once before writers wait
)

// ErrClosed says that the store was closed.
var ErrClosed = errors.New("the store is closed")

// ErrInUse says that another worker has the state directory.
var ErrInUse = errors.New("is in use by another worker; give each worker a directory of its own (--state)")

// Store holds the facts of partitions and what is derived from them. All its methods may be called by several
// goroutines at once, except Close, which must come last.
//
// Nothing is written to disk at a commit: the changelog is the log. After a crash a store is as it was after one
// of its commits, not before the last Flush; Position tells which, for each partition.
type Store struct {
	db     *pebble.DB
	lock   *pebble.Lock
	closed atomic.Bool

	mu       sync.Mutex
	next     map[int32]*nextTimer // by partition (timer.go)
	presence map[int32]*presence  // by partition (presence.go)
}

// Open opens the store in the directory dir, and makes it if there is none. It refuses a directory that another worker
// holds, that is not a store's, or that another version wrote in a format which this one does not know; nothing
// is ever deleted.
func Open(dir string, o Options) (*Store, error) {
	fileSystem := o.fs
	if fileSystem == nil {
		fileSystem = vfs.Default
	}
	if err := fileSystem.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the state directory %s: %w", dir, err)
	}
	lock, err := pebble.LockDirectory(dir, fileSystem)
	if err != nil {
		return nil, lockError(dir, err)
	}
	s, err := openLocked(dir, o, fileSystem, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// OpenMem opens an empty store in memory: for tests and replay. Close frees it.
func OpenMem() (*Store, error) {
	return Open("state", Options{fs: vfs.NewMem(), CacheBytes: 32 << 20, MemTableBytes: 4 << 20})
}

func openLocked(dir string, o Options, fileSystem vfs.FS, lock *pebble.Lock) (*Store, error) {
	options := pebbleOptions(o)
	defer options.Cache.Unref()
	options.FS, options.Lock = fileSystem, lock
	db, err := pebble.Open(dir, options)
	if err != nil {
		return nil, openError(dir, err)
	}
	s := &Store{db: db, lock: lock, next: make(map[int32]*nextTimer), presence: make(map[int32]*presence)}
	if err := s.checkFormat(dir); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// lockError tells apart that another has the lock and that there can't be one.
func lockError(dir string, err error) error {
	var path *fs.PathError
	var number syscall.Errno
	held := !errors.As(err, &number) || number == syscall.EAGAIN || number == syscall.EACCES
	if errors.As(err, &path) || !held {
		return fmt.Errorf("cannot lock the state directory %s: %w; it must be on a disk of this machine, "+
			"and writable", dir, err)
	}
	return fmt.Errorf("the state directory %s %w", dir, ErrInUse)
}

func openError(dir string, err error) error {
	return fmt.Errorf("cannot open the state directory %s: %w; if a newer version of weir wrote it, run that version, "+
		"or name another directory (--state): it is restored from the changelog", dir, err)
}

func pebbleOptions(o Options) *pebble.Options {
	memTable := o.MemTableBytes
	if memTable == 0 {
		memTable = memTableDefault
	}
	memTable = min(max(memTable, memTableMin), memTableMax)
	cache := o.CacheBytes
	if cache == 0 {
		cache = cacheDefault
	}
	log := o.Log
	if log == nil {
		log = slog.Default()
	}
	po := &pebble.Options{
		Cache:                       pebble.NewCache(max(cache, memTables*memTable+blocksMin)),
		MemTableSize:                uint64(memTable),
		MemTableStopWritesThreshold: memTables,
		DisableWAL:                  true,
		FormatMajorVersion:          pebbleFormat,
		Logger:                      logger{log},
		Merger: &pebble.Merger{
			Name:  membership.MergerName,
			Merge: func(key, value []byte) (pebble.ValueMerger, error) { return membership.NewMerge(key, value) },
		},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { log.Error("the state's disk failed; it is tried again", "error", err) },
		},
	}
	po.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	return po
}

// logger passes on what Pebble says of faults.
type logger struct{ log *slog.Logger }

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.log.Warn("state: " + fmt.Sprintf(format, args...))
}

// Fatalf is called when Pebble cannot go on, and must not return. The process may end at any moment without loss,
// for the changelog holds all, so it ends here.
func (l logger) Fatalf(format string, args ...any) {
	l.log.Error("the state cannot be written any more; the worker ends: " + fmt.Sprintf(format, args...))
	os.Exit(1)
}

var formatKey = []byte{spaceMeta, 'f', 'o', 'r', 'm', 'a', 't'}

// checkFormat reads the mark of the store's format, and makes it in an empty store.
func (s *Store) checkFormat(dir string) error {
	value, err := s.get(formatKey)
	if err != nil {
		return fmt.Errorf("cannot read the format of the state directory %s: %w", dir, err)
	}
	if value != nil {
		format, n := binary.Uvarint(value)
		if n == len(value) && format == storeFormat {
			return nil
		}
		return fmt.Errorf("cannot open the state directory %s: it has format %d, this version of weir reads format %d; "+
			"run the version that wrote it, or name another directory (--state): it is restored from the changelog",
			dir, format, storeFormat)
	}
	it, err := s.db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("cannot read the state directory %s: %w", dir, err)
	}
	empty := !it.First()
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return fmt.Errorf("cannot read the state directory %s: %w", dir, err)
	}
	if !empty {
		return fmt.Errorf("cannot open the state directory %s: it is not a state of weir; "+
			"name an empty directory or a new one (--state)", dir)
	}
	if err := s.db.Set(formatKey, binary.AppendUvarint(nil, storeFormat), pebble.NoSync); err != nil {
		return fmt.Errorf("cannot write to the state directory %s: %w", dir, err)
	}
	return s.Flush()
}

// Flush writes all that was committed to disk. A restore after a crash reads the changelog from there on.
func (s *Store) Flush() error {
	if s.closed.Load() {
		return ErrClosed
	}
	if err := s.db.Flush(); err != nil {
		return fmt.Errorf("cannot write the state to disk: %w", err)
	}
	return nil
}

// Close writes all that was committed to disk and closes the store. No other call may be under way; a second Close
// does nothing.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	// With the write-ahead log off, Pebble's Close alone would lose what is in memory.
	err := s.db.Flush()
	if err := errors.Join(err, s.db.Close(), s.lock.Close()); err != nil {
		return fmt.Errorf("cannot close the state: %w", err)
	}
	return nil
}

// get returns a copy of a key's value; nil if there is none.
func (s *Store) get(key []byte) ([]byte, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	own := append(make([]byte, 0, len(value)), value...)
	return own, closer.Close()
}

// scan calls fn with each key from lower up to, not including, upper, without the first skip bytes, until it returns
// false. Key and value are only valid during the call.
func (s *Store) scan(lower, upper []byte, skip int, fn func(key, value []byte) (more bool, err error)) error {
	if s.closed.Load() {
		return ErrClosed
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	return walk(it, skip, fn)
}

// walk calls fn with each key of it, without the first skip bytes, until it returns false, and closes it. Key and value
// are only valid during the call.
func walk(it *pebble.Iterator, skip int, fn func(key, value []byte) (more bool, err error)) error {
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		more := false
		if err == nil {
			more, err = fn(it.Key()[skip:], value)
		}
		if err != nil {
			return errors.Join(err, it.Close())
		}
		if !more {
			break
		}
	}
	return errors.Join(it.Error(), it.Close())
}

// Drop forgets all of a partition: it is no longer this worker's, or is to be restored from the beginning.
func (s *Store) Drop(p int32) error {
	if s.closed.Load() {
		return ErrClosed
	}
	lower := appendPartition(nil, p)
	if err := s.db.DeleteRange(lower, appendPartition(nil, p+1), pebble.NoSync); err != nil {
		return fmt.Errorf("cannot drop the state of partition %d: %w", p, err)
	}
	s.forgetTimers(p)
	s.forgetLinks(p)
	return nil
}

// Partitions returns the partitions of which the store holds anything, in rising order.
func (s *Store) Partitions() ([]int32, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	prefix := []byte{spacePartition}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return nil, fmt.Errorf("cannot list the partitions of the state: %w", err)
	}
	var all []int32
	for ok := it.First(); ok; {
		key := it.Key()
		if len(key) < partitionSize || binary.BigEndian.Uint32(key[1:]) >= math.MaxInt32 {
			return nil, errors.Join(ErrDamaged, it.Close())
		}
		p := int32(binary.BigEndian.Uint32(key[1:]))
		all = append(all, p)
		ok = it.SeekGE(appendPartition(nil, p+1))
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, fmt.Errorf("cannot list the partitions of the state: %w", err)
	}
	return all, nil
}

// Metrics are figures about a store.
type Metrics struct {
	DiskBytes         int64 // all files
	CacheBytes        int64 // blocks in the cache
	MemTableBytes     int64 // memtables, also those that are being written
	CompactionDebt    int64 // bytes that compactions have yet to rewrite, estimated
	ReadAmplification int   // places that a read may have to look at
	Flushes           int64
	Compactions       int64
	CacheHits         int64
	CacheMisses       int64
}

// Metrics returns the store's figures; zeros of a closed store.
func (s *Store) Metrics() Metrics {
	if s.closed.Load() {
		return Metrics{}
	}
	m := s.db.Metrics()
	return Metrics{
		DiskBytes:         int64(m.DiskSpaceUsage()),
		CacheBytes:        m.BlockCache.Size,
		MemTableBytes:     int64(m.MemTable.Size),
		CompactionDebt:    int64(m.Compact.EstimatedDebt),
		ReadAmplification: m.ReadAmp(),
		Flushes:           m.Flush.Count,
		Compactions:       m.Compact.Count,
		CacheHits:         m.BlockCache.Hits,
		CacheMisses:       m.BlockCache.Misses,
	}
}
