// Package embedded runs a Kafka broker inside the process, for the one-command demo and for tests. It listens on
// the loopback only, is served by one goroutine, and is no substitute for Kafka in production.
package embedded

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"
)

// Options say how the broker is started.
type Options struct {
	// Dir holds the data and is made if it is missing. Empty: everything stays in memory and is lost at Close; the
	// memory in use is then that of all records.
	Dir string
	// Port on the loopback; 0 takes a free one.
	Port int
	// Replicas is the number of brokers, 0 meaning one. More than one only with Port 0.
	Replicas int
}

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	addrs   []string
}

// Request keys whose newest versions the fake answers in a way that Kafka's own Java tools reject.
const (
	createTopics            = 19
	describeTopicPartitions = 75
)

// Start starts a broker and returns once it answers. It fails if the port is taken or the folder can't be used.
func Start(o Options) (*Broker, error) {
	versions := kversion.V4_3_0()
	versions.SetMaxKeyVersion(createTopics, 4)             // from 5 on it answers configs=null
	versions.SetMaxKeyVersion(describeTopicPartitions, -1) // it answers eligibleLeaderReplicas=null
	opts := []kfake.Opt{
		kfake.Ports(make([]int, max(o.Replicas, 1))...),
		kfake.ClusterID("weir-embedded"),
		kfake.MaxVersions(versions),
		kfake.GroupMinSessionTimeout(time.Second), // a worker of the demo that is killed should be missed soon
		kfake.BrokerConfigs(map[string]string{
			"group.consumer.heartbeat.interval.ms": "500",
			"log.cleaner.backoff.ms":               "30000",
		}),
	}
	if o.Port != 0 {
		if err := free(o.Port); err != nil {
			return nil, err
		}
		opts = append(opts, kfake.Ports(o.Port))
	}
	if o.Dir != "" {
		opts = append(opts, kfake.DataDir(o.Dir))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("cannot start the embedded broker: %w", err)
	}
	return &Broker{cluster: cluster, addrs: cluster.ListenAddrs()}, nil
}

// free tells early, and in plain words, that a port is taken.
func free(port int) error {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return fmt.Errorf("cannot start the embedded broker on port %d; take another one: %w", port, err)
	}
	return l.Close()
}

// Addr returns the broker's address as HOST:PORT; of several, all of them with commas between.
func (b *Broker) Addr() string { return strings.Join(b.addrs, ",") }

// Close stops the broker and writes what it holds to its folder. It may be called once.
func (b *Broker) Close() { b.cluster.Close() }
