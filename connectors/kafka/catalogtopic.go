package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
)

// The keys of the catalog topic: the last revision, and the pieces of files by the hash of the file and their number.
const (
	keyRevision = "revision"
	keyChunk    = "chunk/"
)

const (
	catalogFollow  = 500 * time.Millisecond // between two looks for a new revision
	catalogTimeout = time.Minute            // of the transaction that publishes one
)

// ErrConflict says that the catalog topic holds another revision than was expected, or that somebody else publishes one
// at the same time. Nothing was published.
var ErrConflict = errors.New("another revision of the catalog has been published meanwhile")

// CatalogTopic reads the topic that holds the catalog. It belongs to one goroutine.
type CatalogTopic struct {
	log *Changelog
	end int64 // of the topic when it was last read
}

// OpenCatalogTopic returns a reader of the catalog topic, which must exist.
func OpenCatalogTopic(ctx context.Context, cfg Config) (*CatalogTopic, error) {
	log, err := openLog(ctx, cfg, TopicCatalog)
	if err != nil {
		return nil, err
	}
	return &CatalogTopic{log: log, end: -1}, nil
}

// Close ends the connections.
func (t *CatalogTopic) Close() { t.log.Close() }

// Read returns the revision that the topic holds; nil if none has been published. It waits while somebody is in the
// middle of publishing.
func (t *CatalogTopic) Read(ctx context.Context) (*catalog.Bundle, error) {
	b, _, err := t.read(ctx)
	return b, err
}

// read returns the revision with the keys of all records in the topic.
func (t *CatalogTopic) read(ctx context.Context) (*catalog.Bundle, map[string][]byte, error) {
	held := map[string][]byte{}
	next := int64(0)
	err := t.log.Restore(ctx, 0, 0, func(facts []state.Fact, after int64) error {
		for _, f := range facts {
			if f.Value == nil {
				delete(held, string(f.Key))
				continue
			}
			held[string(f.Key)] = bytes.Clone(f.Value)
		}
		next = after
		return nil
	}, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read the catalog topic: %w", err)
	}
	t.end = next
	value := held[keyRevision]
	if value == nil {
		return nil, held, nil
	}
	b, err := catalog.ReadManifest(value, func(hash string, n int) []byte { return held[chunkKey(hash, n)] })
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read topic %s: %w", t.log.topic, err)
	}
	return b, held, nil
}

func chunkKey(hash string, n int) string { return keyChunk + hash + "/" + strconv.Itoa(n) }

// Next waits until the topic may hold another revision than when it was last read, and reads it. Brokers that can't be
// reached are waited for; a revision that can't be read is an error, after which Next may be called again.
func (t *CatalogTopic) Next(ctx context.Context) (*catalog.Bundle, error) {
	r := restore{Changelog: t.log}
	for {
		if err := pause(ctx, catalogFollow); err != nil {
			return nil, err
		}
		end, err := r.offset(ctx, latestOffset)
		if err == nil && end != t.end {
			b, err := t.Read(ctx)
			unreadable := errors.Is(err, catalog.ErrManifest) || errors.Is(err, catalog.ErrContent)
			if unreadable && t.end < end { // what could not be read is not tried again until there is something new
				t.end = end
			}
			return b, err
		}
	}
}

// PublishCatalog makes b the next revision of the catalog, in one transaction, and returns its number. It fails with
// ErrConflict, and nothing is published, unless the topic holds the revision expected; 0: none.
func PublishCatalog(ctx context.Context, cfg Config, expected int64, b *catalog.Bundle) (revision int64, err error) {
	if cfg, err = cfg.prepared(); err != nil {
		return 0, err
	}
	cl, err := cfg.newClient("catalog", kgo.TransactionalID(cfg.App+".catalog"), kgo.TransactionTimeout(catalogTimeout))
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	// From here on whoever has begun to publish before is fenced, and who begins later fences this one: what is read
	// now still holds when the transaction commits.
	if _, _, err := cl.ProducerID(ctx); err != nil {
		return 0, fmt.Errorf("cannot publish a catalog: %w", err)
	}
	topic, err := OpenCatalogTopic(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer topic.Close()
	present, held, err := topic.read(ctx)
	if err != nil {
		return 0, err
	}
	if present != nil {
		revision = present.Revision
	}
	if revision != expected {
		return 0, fmt.Errorf("revision %d is in force, not %d: %w", revision, expected, ErrConflict)
	}
	next := *b
	next.Revision = revision + 1
	records, err := catalogRecords(&next, held)
	if err != nil {
		return 0, err
	}
	if err := commitCatalog(ctx, cl, cfg.Topic(TopicCatalog), records); err != nil {
		if errors.Is(err, kerr.InvalidProducerEpoch) || errors.Is(err, kerr.ProducerFenced) {
			err = fmt.Errorf("%w: %w", ErrConflict, err)
		}
		return 0, fmt.Errorf("cannot publish revision %d of the catalog: %w", next.Revision, err)
	}
	return next.Revision, nil
}

// catalogRecords returns what is to be written so that the topic holds b: pieces that it does not hold, the revision,
// and tombstones of pieces that are of no more use.
func catalogRecords(b *catalog.Bundle, held map[string][]byte) (records []*kgo.Record, err error) {
	needed := map[string]bool{}
	add := func(c *catalog.Content) {
		for n, piece := range c.Chunks {
			key := chunkKey(c.Hash, n)
			if !needed[key] && held[key] == nil {
				records = append(records, &kgo.Record{Key: []byte(key), Value: piece})
			}
			needed[key] = true
		}
	}
	for _, f := range b.Files {
		add(f.Text)
		for _, c := range f.Beside {
			add(c)
		}
	}
	value, err := b.Manifest()
	if err != nil {
		return nil, fmt.Errorf("cannot write down a revision: %w", err)
	}
	records = append(records, &kgo.Record{Key: []byte(keyRevision), Value: value})
	for key := range held {
		if strings.HasPrefix(key, keyChunk) && !needed[key] {
			records = append(records, &kgo.Record{Key: []byte(key)})
		}
	}
	return records, nil
}

func commitCatalog(ctx context.Context, cl *kgo.Client, topic string, records []*kgo.Record) error {
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	for _, r := range records {
		r.Topic, r.Partition = topic, 0
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return errors.Join(err, cl.EndTransaction(context.WithoutCancel(ctx), kgo.TryAbort))
	}
	return cl.EndTransaction(ctx, kgo.TryCommit)
}

// EnginePartitions returns the number of partitions of an application's engine; 0 if no worker of it has ever run.
func EnginePartitions(ctx context.Context, cfg Config) (int32, error) {
	cfg, cl, err := openAdmin(cfg)
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	if _, err := awaitBroker(ctx, &cfg, cl); err != nil {
		return 0, err
	}
	names := []string{cfg.Topic(TopicInput), cfg.Topic(TopicCatalog)}
	found, err := kadm.NewClient(cl).ListTopics(ctx, names...)
	if err != nil {
		return 0, fmt.Errorf("cannot list the topics: %w", err)
	}
	for _, name := range names {
		if d := found[name]; d.Err != nil {
			if errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
				return 0, nil
			}
			return 0, fmt.Errorf("cannot describe topic %s: %w", name, d.Err)
		}
	}
	return int32(len(found[names[0]].Partitions)), nil
}

// Members returns how many workers of the application are in their group.
func Members(ctx context.Context, cfg Config) (int, error) {
	cfg, cl, err := openAdmin(cfg)
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(ctx, topicWait)
	defer cancel()
	for {
		groups, err := kadm.NewClient(cl).DescribeGroups(ctx, cfg.App)
		if err == nil {
			return len(groups[cfg.App].Members), nil
		}
		// Brokers that have never had a group make their topic of groups first.
		if classify(err) != classAborted || pause(ctx, topicPause) != nil {
			return 0, fmt.Errorf("cannot describe group %s: %w", cfg.App, err)
		}
	}
}
