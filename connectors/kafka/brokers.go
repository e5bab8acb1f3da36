package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kafka's feature that ties every transaction to a producer epoch of its own (KIP-890), and the level that weir
// needs. Without it a produce that was late can slip into a later transaction.
const (
	transactionFeature = "transaction.version"
	transactionLevel   = 2
)

// checkBrokers refuses brokers that can't give what weir promises.
func checkBrokers(ctx context.Context, cfg *Config, cl *kgo.Client) error {
	resp, err := awaitBroker(ctx, cfg, cl)
	if err != nil {
		return err
	}
	if cfg.Delivery == AtLeastOnce {
		return nil
	}
	level := int16(0)
	for _, f := range resp.FinalizedFeatures {
		if f.Name == transactionFeature {
			level = f.MaxVersionLevel
		}
	}
	if level < transactionLevel {
		return permanent{fmt.Errorf("cannot use these brokers with delivery exactly_once: %s is %d and must be at"+
			" least %d; use Kafka 4.0 or later, and if it was upgraded: kafka-features --bootstrap-server %s upgrade"+
			" --feature %s=%d", transactionFeature, level, transactionLevel, cfg.Brokers[0], transactionFeature,
			transactionLevel)}
	}
	return checkTransactionTimeout(ctx, cfg, cl)
}

// awaitBroker asks a broker what it can do. Brokers and workers may be started together: it tries for a while.
func awaitBroker(ctx context.Context, cfg *Config, cl *kgo.Client) (*kmsg.ApiVersionsResponse, error) {
	for begun := time.Now(); ; {
		req := kmsg.NewPtrApiVersionsRequest()
		req.ClientSoftwareName, req.ClientSoftwareVersion = "weir", "1"
		resp, err := req.RequestWith(ctx, cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		switch {
		case err == nil:
			return resp, nil
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("cannot reach a broker at brokers: it hangs up; are tls and sasl set as the broker"+
				" has them, and the password right? %w", err)
		case Permanent(err) || ctx.Err() != nil || time.Since(begun) > brokerWait:
			return nil, fmt.Errorf("cannot reach a broker at brokers: %w", err)
		}
		cfg.Logger.Warn("no broker answers yet", "brokers", cfg.Brokers, "error", err)
		if pause(ctx, brokerPause) != nil {
			return nil, fmt.Errorf("cannot reach a broker at brokers: %w", err)
		}
	}
}

// How long a broker that does not answer is asked again, and how often.
const (
	brokerWait  = 30 * time.Second
	brokerPause = time.Second
)

// checkTransactionTimeout compares our timeout with the brokers' bound, where that may be read.
func checkTransactionTimeout(ctx context.Context, cfg *Config, cl *kgo.Client) error {
	meta, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, cl)
	if err != nil {
		return fmt.Errorf("cannot ask the brokers for their metadata: %w", err)
	}
	if len(meta.Brokers) == 0 {
		return nil
	}
	configs, err := kadm.NewClient(cl).DescribeBrokerConfigs(ctx, meta.Brokers[0].NodeID)
	if err != nil {
		return nil // not allowed to read it: InitProducerId will tell
	}
	for _, rc := range configs {
		bound, err := strconv.ParseInt(settings(rc.Configs)["transaction.max.timeout.ms"], 10, 64)
		if err == nil && cfg.TransactionTimeout.Milliseconds() > bound {
			return permanent{fmt.Errorf("transaction.timeout %v is above the brokers' transaction.max.timeout.ms"+
				" %d: lower the one or raise the other", cfg.TransactionTimeout, bound)}
		}
	}
	return nil
}
