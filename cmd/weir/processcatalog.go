package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirstream/weir/connectors/decode"
	"github.com/weirstream/weir/connectors/kafka"
	"github.com/weirstream/weir/operators/catalog"
)

// usable tells why the process can't work by a catalog; nil if it can.
func (p *process) usable(c *catalog.Catalog) error {
	if p.settings.Registry.URL == "" && decode.NeedsRegistry(c) {
		return errors.New("the catalog reads topics in Avro: set registry.url to the registry of their schemas")
	}
	return nil
}

// openCatalog takes the catalog of the topic. If there is none, it publishes the process's own first.
func (p *process) openCatalog(ctx context.Context) (*kafka.CatalogTopic, error) {
	topic, err := kafka.OpenCatalogTopic(ctx, p.kafka)
	if err != nil {
		return nil, err
	}
	b, err := p.publishedOrOwn(ctx, topic)
	if err == nil {
		err = p.take(b)
	}
	if err != nil {
		topic.Close()
		return nil, err
	}
	return topic, nil
}

func (p *process) publishedOrOwn(ctx context.Context, topic *kafka.CatalogTopic) (*catalog.Bundle, error) {
	for {
		b, err := topic.Read(ctx)
		if err != nil || b != nil {
			return b, err
		}
		if p.bundle == nil {
			return nil, fmt.Errorf("no catalog has been published for %s: start the first worker with --catalog DIR",
				p.settings.App)
		}
		revision, err := kafka.PublishCatalog(ctx, p.kafka, 0, p.bundle)
		if err == nil {
			p.log.Info("published the first revision of the catalog", "revision", revision)
		} else if !errors.Is(err, kafka.ErrConflict) { // otherwise another worker was quicker
			return nil, err
		}
	}
}

// take makes a published catalog the process's own.
func (p *process) take(b *catalog.Bundle) error {
	c, err := b.Catalog()
	if err == nil {
		err = p.usable(c)
	}
	if err != nil {
		return fmt.Errorf("cannot use revision %d of the catalog, which is in force: %w", b.Revision, err)
	}
	if p.bundle != nil && p.bundle.Meaning != b.Meaning {
		p.log.Warn("the catalog in the folder is not the one in force, and is not used; publish it with weir apply",
			"folder", p.settings.Catalog, "revision", b.Revision)
	}
	p.catalog.Store(c)
	p.bundle = nil // it may be large
	return nil
}

// followCatalog puts each new revision in force. One that can't be used here is refused: the old one goes on.
func (p *process) followCatalog(ctx context.Context, topic *kafka.CatalogTopic) {
	select {
	case <-p.started:
	case <-ctx.Done():
		return
	}
	worker, last := p.worker.Load(), p.catalog.Load().Revision
	for {
		b, err := topic.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.log.Error("a revision of the catalog can't be read; the one in force goes on", "err", err)
			continue
		case b == nil || b.Revision == last:
			continue
		}
		last = b.Revision
		c, err := b.Catalog()
		if err == nil {
			err = p.usable(c)
		}
		if err != nil {
			p.log.Error("a revision of the catalog can't be used; the one in force goes on", "revision", b.Revision, "err", err)
			worker.Refuse(b.Revision)
			continue
		}
		worker.Swap(c)
	}
}

// swapped is called when the worker has put a catalog in force: intake follows.
func (p *process) swapped(c *catalog.Catalog) {
	p.catalog.Store(c)
	if in, o := p.intake.Load(), p.decode.Load(); in != nil && o != nil {
		topics, decoders := sourcesOf(c, o)
		in.Swap(c.Revision, topics, decoders)
	}
}
