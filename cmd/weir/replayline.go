package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state/row"
)

// replayLine is one line of a replay's input: a record, or a move of the clock.
type replayLine struct {
	at     row.Instant
	clock  bool
	record engine.Record
}

// lineBytesMax bounds one line of the input.
const lineBytesMax = 64 << 20

// readLine returns the next line without its end; io.EOF after the last. The line is the caller's.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > lineBytesMax {
			return nil, fmt.Errorf("the line is longer than %d bytes", lineBytesMax)
		}
		switch {
		case err == nil:
			return bytes.TrimSpace(line), nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return bytes.TrimSpace(line), nil
		default:
			return nil, err
		}
	}
}

// parseLine reads one line of the input; before is the instant of the line before it.
func parseLine(raw []byte, before row.Instant) (l replayLine, err error) {
	var fields struct {
		At        *string           `json:"at"`
		Topic     *string           `json:"topic"`
		Partition int32             `json:"partition"`
		Key       json.RawMessage   `json:"key"`
		Value     json.RawMessage   `json:"value"`
		Headers   map[string]string `json:"headers"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&fields); err != nil {
		return l, fmt.Errorf("not a line of a replay (an object with at, topic, key and value): %w", err)
	}
	if d.More() {
		return l, errors.New("more than one JSON value on the line")
	}
	if fields.At == nil {
		return l, errors.New(`the key "at" is missing`)
	}
	at, err := time.Parse(time.RFC3339Nano, *fields.At)
	if err != nil {
		return l, errors.New(`"at" is no RFC 3339 time such as 2026-01-01T00:00:00Z`)
	}
	if l.at = row.At(at); l.at == row.Never || l.at == row.Earliest {
		return l, errors.New(`"at" lies beyond the years 1678 to 2261 that the clock can show`)
	}
	if l.at < before {
		return l, fmt.Errorf(`"at" lies before the line above, %v: lines must be in order of time`, before)
	}
	if fields.Topic == nil {
		l.clock = true
		if fields.Key != nil || fields.Value != nil {
			return l, errors.New(`a record needs the key "topic"`)
		}
		return l, nil
	}
	l.record = engine.Record{Topic: *fields.Topic, Partition: fields.Partition, Key: rawBytes(fields.Key),
		Value: rawBytes(fields.Value)}
	for k, v := range fields.Headers {
		l.record.Headers = append(l.record.Headers, engine.Header{Key: k, Value: []byte(v)})
	}
	return l, nil
}

// rawBytes returns the bytes that stand in a record's key or value: a JSON string stands for its text, null for
// nothing, and everything else for itself.
func rawBytes(v json.RawMessage) []byte {
	if len(v) == 0 || string(v) == "null" {
		return nil
	}
	if v[0] == '"' {
		var s string
		if json.Unmarshal(v, &s) == nil {
			return []byte(s)
		}
	}
	return v
}

// lineWriter writes the lines of a replay's output.
type lineWriter struct {
	w   *bufio.Writer
	app string
	buf []byte
}

// output writes one record out, or the echo of a move of the clock.
func (w *lineWriter) output(o *engine.Output) error {
	b := append(w.buf[:0], `{"at":`...)
	b = emit.AppendString(b, o.At.String())
	if o.Topic == "" {
		w.buf = append(b, "}\n"...)
		_, err := w.w.Write(w.buf)
		return err
	}
	b = emit.AppendString(append(b, `,"topic":`...), w.app+"."+o.Topic)
	b = append(b, `,"key":`...)
	if o.Topic != "deadletter" {
		b = emit.AppendString(b, string(o.Key))
		b = append(append(b, `,"value":`...), o.Value...)
	} else {
		b = appendRaw(b, o.Key, false)
		b = appendRaw(append(b, `,"value":`...), o.Value, true)
		b = append(b, `,"headers":{`...)
		for i, h := range o.Headers {
			if i > 0 {
				b = append(b, ',')
			}
			b = emit.AppendString(b, h.Key)
			b = emit.AppendString(append(b, ':'), string(h.Value))
		}
		b = append(b, '}')
	}
	b = append(b, "}\n"...)
	w.buf = b
	_, err := w.w.Write(b)
	return err
}

// appendRaw appends bytes of a record: null if there are none, JSON as it is where asked, else a string.
func appendRaw(b, raw []byte, asJSON bool) []byte {
	switch {
	case raw == nil:
		return append(b, "null"...)
	case asJSON && json.Valid(raw):
		var compact bytes.Buffer
		if json.Compact(&compact, raw) == nil {
			return append(b, compact.Bytes()...)
		}
	}
	return emit.AppendString(b, string(raw))
}
