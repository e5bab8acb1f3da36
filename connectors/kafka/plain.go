package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirstream/weir/engine"
)

// commitRetry is the pause before offsets are committed again after the group has moved on.
const commitRetry = 50 * time.Millisecond

// commitPlain is Commit without transactions: everything is written, then the positions are committed. The
// generation of the group fences the positions only. Once something is written, the epoch can't be taken back: it
// is committed or the session is broken, and the worker restores from a changelog that is ahead of it.
func (s *Session) commitPlain(ctx context.Context, parts []engine.Part) (engine.Outcome, error) {
	if !s.holdsAll(parts) {
		s.rewind()
		return engine.Outcome{}, nil
	}
	e, err := s.produce(ctx, parts)
	if err != nil {
		return engine.Outcome{}, err
	}
	for {
		err := s.commitOffsets(ctx, parts, e)
		if err == nil {
			s.advance(parts)
			return engine.Outcome{Committed: true, Changelog: e.changelog}, nil
		}
		if classify(err) != classAborted || !s.holdsAll(parts) {
			return engine.Outcome{}, fmt.Errorf("cannot commit positions: %w: %w", ErrInDoubt, err)
		}
		select {
		case <-ctx.Done():
			return engine.Outcome{}, fmt.Errorf("cannot commit positions: %w: %w", ErrInDoubt, err)
		case <-time.After(commitRetry):
		}
	}
}

// rewind goes back to what is committed.
func (s *Session) rewind() {
	s.rewound()
	if len(s.committed) > 0 {
		positions := make(map[int32]kgo.EpochOffset, len(s.committed))
		for p, at := range s.committed {
			positions[p] = at
		}
		s.cl.SetOffsets(map[string]map[int32]kgo.EpochOffset{s.input.name: positions})
	}
}

// commitOffsets commits the same positions as a transaction would.
func (s *Session) commitOffsets(ctx context.Context, parts []engine.Part, e *epoch) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group = s.cfg.App
	req.MemberID, req.Generation = s.cl.GroupMetadata()
	if s.cfg.StaticMember {
		req.InstanceID = &s.cfg.Instance
	}
	for _, t := range s.offsets(parts, e) {
		topic := kmsg.NewOffsetCommitRequestTopic()
		topic.Topic, topic.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			partition := kmsg.NewOffsetCommitRequestTopicPartition()
			partition.Partition, partition.Offset, partition.LeaderEpoch = p.Partition, p.Offset, p.LeaderEpoch
			topic.Partitions = append(topic.Partitions, partition)
		}
		req.Topics = append(req.Topics, topic)
	}
	resp, err := req.RequestWith(ctx, s.cl)
	if err != nil {
		return err
	}
	var all []error
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			all = append(all, kerr.ErrorForCode(p.ErrorCode))
		}
	}
	return errors.Join(all...)
}
