package kafka

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/operators/catalog"
)

// bundle packs a catalog of the segments.
func bundle(t *testing.T, segments ...string) *catalog.Bundle {
	t.Helper()
	files := []catalog.File{{Name: "tables.yaml", Text: []byte("kind: Table\nname: contact\naudience: true\nkey: id\n" +
		"source: {topic: contacts, format: json}\nfields: {id: string, state: string}\n")}}
	for _, s := range segments {
		files = append(files, catalog.File{Name: s + ".yaml", Text: fmt.Appendf(nil,
			"kind: Segment\nname: %s\naudience: contact\nwhere: contact.state == %q\n", strings.ToLower(s), s)})
	}
	b, _, err := catalog.Pack(files)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (w *world) catalogTopic() *CatalogTopic {
	w.Helper()
	topic, err := OpenCatalogTopic(w.ctx, w.cfg)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(topic.Close)
	return topic
}

// TestCatalogTopic publishes revisions: readers find the last one and see the next come, what it no longer needs is
// taken back, and who expected another revision publishes nothing.
func TestCatalogTopic(t *testing.T) {
	w := newWorld(t, 1)
	topic := w.catalogTopic()
	if b, err := topic.Read(w.ctx); b != nil || err != nil {
		t.Fatalf("an empty topic gives %v, %v", b, err)
	}
	first, second := bundle(t, "ND", "MN"), bundle(t, "ND", "SD", "WI")
	if n, err := PublishCatalog(w.ctx, w.cfg, 0, first); n != 1 || err != nil {
		t.Fatalf("got revision %d, %v", n, err)
	}
	if _, err := PublishCatalog(w.ctx, w.cfg, 0, second); !errors.Is(err, ErrConflict) {
		t.Errorf("published over a revision that was not expected: %v", err)
	}
	b, err := topic.Next(w.ctx)
	if err == nil && b == nil {
		b, err = topic.Next(w.ctx)
	}
	if err != nil || b == nil || b.Revision != 1 || b.Meaning != first.Meaning {
		t.Fatalf("got %+v, %v", b, err)
	}
	if n, err := PublishCatalog(w.ctx, w.cfg, 1, second); n != 2 || err != nil {
		t.Fatalf("got revision %d, %v", n, err)
	}
	for b.Revision == 1 { // the end of a transaction alone makes Next look again
		if b, err = topic.Next(w.ctx); err != nil {
			t.Fatal(err)
		}
	}
	c, err := b.Catalog()
	if err != nil || c.Revision != 2 || len(c.Segments) != 3 || c.Segment("mn") != nil {
		t.Errorf("got %+v, %v", c, err)
	}
	_, held, err := topic.read(w.ctx)
	if err != nil || len(held) != 1+4 {
		t.Errorf("the topic holds %d records, want the revision and four files: %v", len(held), err)
	}
}

// TestCatalogPublishedByTwo shows that of two who publish at once one fails: the later one fences the earlier.
func TestCatalogPublishedByTwo(t *testing.T) {
	w := newWorld(t, 1)
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.cfg.Brokers...), kgo.TransactionalID(w.cfg.App+".catalog"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	half := &kgo.Record{Topic: w.cfg.Topic(TopicCatalog), Key: []byte(keyRevision), Value: []byte("{}")}
	if err := cl.ProduceSync(w.ctx, half).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if n, err := PublishCatalog(w.ctx, w.cfg, 0, bundle(t, "ND")); n != 1 || err != nil {
		t.Fatalf("got revision %d, %v", n, err)
	}
	if err := cl.EndTransaction(w.ctx, kgo.TryCommit); err == nil {
		t.Error("the one that began first has committed, too")
	}
	if b, err := w.catalogTopic().Read(w.ctx); err != nil || b == nil || b.Revision != 1 {
		t.Errorf("got %+v, %v", b, err)
	}
}

// TestEnginePartitions tells whether an application's engine has ever run.
func TestEnginePartitions(t *testing.T) {
	w := bareWorld(t)
	if n, err := EnginePartitions(w.ctx, w.cfg); n != 0 || err != nil {
		t.Errorf("got %d, %v before there are topics", n, err)
	}
	w.cfg.Partitions = 3
	if _, err := EnsureTopics(w.ctx, w.cfg); err != nil {
		t.Fatal(err)
	}
	if n, err := EnginePartitions(w.ctx, w.cfg); n != 3 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if n, err := Members(w.ctx, w.cfg); n != 0 || err != nil {
		t.Errorf("got %d members, %v", n, err)
	}
}
