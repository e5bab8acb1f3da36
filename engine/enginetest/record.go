package enginetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
)

// record makes the source record that a line stands for.
func (p *parser) record(b *block) (*engine.Record, error) {
	name, rest, _ := strings.Cut(b.rest, " ")
	rest = strings.TrimSpace(rest)
	switch b.word {
	case "row":
		return p.plainRow(name, rest)
	case "cdc":
		return p.debezium(name, rest)
	case "delete":
		table := p.script.catalog.Table(name)
		if table == nil {
			return nil, fmt.Errorf("there is no table %q", name)
		}
		return p.numbered(&engine.Record{Topic: table.Source.Topic, Key: []byte(rest)}), nil
	case "event":
		return p.event(name, rest)
	case "command":
		return p.command(name, rest)
	case "record":
		key, value, err := keyAndValue(rest)
		if err != nil {
			return nil, err
		}
		return p.numbered(&engine.Record{Topic: name, Key: key, Value: value}), nil
	}
	if p.last == nil {
		return nil, errors.New("there is no record before this line that could come again")
	}
	return p.last, nil
}

// numbered gives the record its offset: how many came before it in its topic.
func (p *parser) numbered(rec *engine.Record) *engine.Record {
	at := place{rec.Topic, rec.Partition}
	rec.Offset = p.lsn[at]
	p.lsn[at]++
	return rec
}

func (p *parser) plainRow(name, text string) (*engine.Record, error) {
	table := p.script.catalog.Table(name)
	switch {
	case table == nil:
		return nil, fmt.Errorf("there is no table %q", name)
	case table.Source.Format != "json":
		return nil, fmt.Errorf("the rows of table %s come as %s: use cdc", name, table.Source.Format)
	}
	row, err := object(text)
	if err != nil {
		return nil, err
	}
	fill(row, table.Source.Match)
	return p.numbered(&engine.Record{Topic: table.Source.Topic, Key: keyText(row[table.Key]), Value: encode(row)}), nil
}

func (p *parser) event(name, text string) (*engine.Record, error) {
	kind := p.script.catalog.Event(name)
	if kind == nil {
		return nil, fmt.Errorf("there is no event %q", name)
	}
	value, err := object(text)
	if err != nil {
		return nil, err
	}
	fill(value, kind.Source.Match)
	return p.numbered(&engine.Record{Topic: kind.Source.Topic, Value: encode(value)}), nil
}

// Commands is the topic of commands in scripts.
const Commands = "weir.commands"

// command makes the record of a command, from "add board c-1", "remove board c-1" or "erase contact c-1".
func (p *parser) command(name, rest string) (*engine.Record, error) {
	of, id, _ := strings.Cut(rest, " ")
	audience, value := of, map[string]any{"command": name, "id": id}
	switch name {
	case "add", "remove":
		s := p.script.catalog.Segment(of)
		if s == nil {
			return nil, fmt.Errorf("there is no segment %q", of)
		}
		audience, value["segment"] = s.Audience.Table.Name, of
	case "erase":
	default:
		return nil, fmt.Errorf("unknown command %q: there are add, remove and erase", name)
	}
	value["audience"] = audience
	return p.numbered(&engine.Record{Topic: Commands, Key: []byte(audience + "/" + id), Value: encode(value)}), nil
}

// operations are the letters that Debezium has for what happened to a row.
const operations = "curdt"

// debezium makes a message in Debezium's envelope, from "u 700 {row}".
func (p *parser) debezium(name, rest string) (*engine.Record, error) {
	table := p.script.catalog.Table(name)
	if table == nil {
		return nil, fmt.Errorf("there is no table %q", name)
	}
	words := strings.SplitN(rest, " ", 3)
	if len(words) < 2 || len(words[0]) != 1 || !strings.Contains(operations, words[0]) {
		letters := strings.Join(strings.Split(operations, ""), " ")
		return nil, fmt.Errorf("cdc needs one of the letters %s, a position and a row", letters)
	}
	op := words[0]
	position, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no position: a whole number", words[1])
	}
	var row map[string]any
	if op != "t" {
		if row, err = object(strings.Join(words[2:], "")); err != nil {
			return nil, err
		}
	}
	envelope := map[string]any{
		"op": op, "before": nil, "after": nil,
		"source": map[string]any{
			"lsn": position, "ts_ms": p.clock.Time().UnixMilli(), "snapshot": strconv.FormatBool(op == "r"),
		},
	}
	rec := &engine.Record{Topic: table.Source.Topic}
	switch op {
	case "d":
		envelope["before"] = row
	case "c", "u", "r":
		envelope["after"] = row
	}
	if row != nil {
		rec.Key = encode(map[string]any{table.Key: row[table.Key]})
	}
	rec.Value = encode(envelope)
	return p.numbered(rec), nil
}

// keyAndValue reads "KEY VALUE": each JSON or bare text.
func keyAndValue(s string) (key, value []byte, err error) {
	k, v := cutToken(s)
	if k == "" || v == "" {
		return nil, nil, errors.New("record needs a topic, a key (- for none) and a value (null for none)")
	}
	if k != "-" {
		key = keyText(bare(k))
	}
	if v != "null" {
		value = []byte(v)
	}
	return key, value, nil
}

// bare returns the text that a JSON string stands for, and everything else as it is.
func bare(s string) string {
	var text string
	if strings.HasPrefix(s, `"`) && json.Unmarshal([]byte(s), &text) == nil {
		return text
	}
	return s
}

func keyText(v any) []byte {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return []byte(v)
	}
	return encode(v)
}

// object reads a JSON object; numbers stay as they are written.
func object(text string) (map[string]any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var o map[string]any
	if err := d.Decode(&o); err != nil {
		return nil, fmt.Errorf("a JSON object is needed here: %w", err)
	}
	if d.More() {
		return nil, errors.New("nothing may follow the JSON object")
	}
	return o, nil
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // what was read as JSON can be written as JSON
		return nil
	}
	return b
}

// fill sets the values that a definition's records must have, where the script does not.
func fill(o map[string]any, match []catalog.Match) {
	for _, m := range match {
		at := o
		for _, name := range m.Path[:len(m.Path)-1] {
			inner, ok := at[name].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[name] = inner
			}
			at = inner
		}
		last := m.Path[len(m.Path)-1]
		if _, set := at[last]; !set {
			at[last] = m.Value
		}
	}
}

// cutToken takes the first token off s: a JSON value, or what reaches to the next space.
func cutToken(s string) (token, rest string) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", ""
	}
	if strings.ContainsRune(`{["`, rune(s[0])) {
		d := json.NewDecoder(strings.NewReader(s))
		var raw json.RawMessage
		if d.Decode(&raw) == nil {
			n := int(d.InputOffset())
			return s[:n], strings.TrimSpace(s[n:])
		}
	}
	token, rest, _ = strings.Cut(s, " ")
	return token, strings.TrimSpace(rest)
}
