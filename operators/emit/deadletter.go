package emit

import (
	"strconv"

	"github.com/weirstream/weir/state/row"
)

// Headers that a dead letter bears besides those of the record itself.
const (
	HeaderTopic     = "weir_source_topic"
	HeaderPartition = "weir_source_partition"
	HeaderOffset    = "weir_source_offset"
	HeaderError     = "weir_error"
)

// Deadletter returns the record for a source record that could not be used: key, value and headers as they came, and
// headers that say where it stood and what is wrong with it.
func Deadletter(at row.Instant, topic string, partition int32, offset int64, reason string, key, value []byte,
	headers []Header) Record {
	hs := make([]Header, 0, len(headers)+4)
	hs = append(hs, headers...)
	hs = append(hs,
		Header{HeaderTopic, []byte(topic)},
		Header{HeaderPartition, []byte(strconv.Itoa(int(partition)))},
		Header{HeaderOffset, []byte(strconv.FormatInt(offset, 10))},
		Header{HeaderError, []byte(reason)})
	return Record{Topic: "deadletter", At: at, Key: key, Value: value, Headers: hs}
}
