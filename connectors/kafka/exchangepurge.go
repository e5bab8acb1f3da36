package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// purgeEvery is how often what the tasks have read is deleted from the exchange topic.
const purgeEvery = time.Minute

// purge is a goroutine that deletes what the tasks have read and committed. The topic keeps its records for ever by
// itself: one that went by age could be unread, and a task that was idle for longer would find its place gone, with
// nothing to tell whether markers or messages have been there.
func (x *exchange) purge(ctx context.Context, every <-chan time.Time) {
	adm := kadm.NewClient(x.cl)
	refused := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-every:
		}
		err := x.purgeOnce(ctx, adm)
		switch {
		case err == nil || ctx.Err() != nil:
		case errors.Is(err, kerr.TopicAuthorizationFailed):
			if !refused {
				x.cfg.Logger.Warn("the exchange topic grows: weir may not delete what it has read; allow it the operation"+
					" Delete on the topic", "topic", x.topic.name)
			}
			refused = true
		default:
			x.cfg.Logger.Warn("cannot delete from the exchange topic what is read; trying again later",
				"topic", x.topic.name, "error", err)
		}
	}
}

// purgeOnce deletes up to the committed positions where they have moved.
func (x *exchange) purgeOnce(ctx context.Context, adm *kadm.Client) error {
	upTo := make(map[int32]int64)
	var offsets kadm.Offsets
	x.mu.Lock()
	for p, s := range x.seats {
		if s.done > s.purged {
			upTo[p] = s.done
			offsets.Add(kadm.Offset{Topic: x.topic.name, Partition: p, At: s.done})
		}
	}
	x.mu.Unlock()
	responses, err := adm.DeleteRecords(ctx, offsets)
	x.mu.Lock()
	defer x.mu.Unlock()
	for p, r := range responses[x.topic.name] {
		if s := x.seats[p]; r.Err == nil && s != nil {
			s.purged = max(s.purged, upTo[p])
		} else if err == nil {
			err = r.Err
		}
	}
	return err
}
