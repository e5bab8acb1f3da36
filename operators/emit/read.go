package emit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/weirstream/weir/state/wire"
)

// errRead says that a value is no output record.
var errRead = errors.New("not an output record")

// Read returns the texts, whole numbers (int64) and truth values of an output record's value, by field; fields of other
// kinds are left out. contentType is that of its header.
func Read(contentType string, value []byte) (map[string]any, error) {
	if contentType == Msgpack.ContentType() {
		return readMsgpack(value)
	}
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return nil, fmt.Errorf("%w: %w", errRead, err)
	}
	for name, v := range fields {
		switch v := v.(type) {
		case string, bool:
		case json.Number:
			n, err := v.Int64()
			if err != nil {
				delete(fields, name)
				continue
			}
			fields[name] = n
		default:
			delete(fields, name)
		}
	}
	return fields, nil
}

func readMsgpack(b []byte) (map[string]any, error) {
	n, b, err := wire.ReadMap(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRead, err)
	}
	fields := map[string]any{}
	for range n {
		name, rest, err := wire.ReadString(b)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRead, err)
		}
		var v any
		switch wire.KindOf(rest) {
		case wire.String:
			var text []byte
			text, b, err = wire.ReadString(rest)
			v = string(text)
		case wire.Int:
			v, b, err = wire.ReadInt(rest)
		case wire.Bool:
			v, b, err = wire.ReadBool(rest)
		default:
			b, err = wire.Skip(rest)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRead, err)
		}
		if v != nil {
			fields[string(name)] = v
		}
	}
	return fields, nil
}
