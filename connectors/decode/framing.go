package decode

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
)

// Schemas gives the schemas of a registry. Its methods may block; any goroutine may call them.
type Schemas interface {
	// Schema returns the text of the Avro schema with an id; or why there is none, in refused, which holds for a
	// while only. An error means that it can't be told now: the record must be read again.
	Schema(id int) (text, refused string, err error)
	// SchemaByGUID is the same for a schema's globally unique id, 32 hexadecimal digits in five groups.
	SchemaByGUID(guid string) (text, refused string, err error)
}

// NeedsRegistry tells whether the catalog reads topics whose schemas stand in a registry. With it, but without
// Options.Schemas, their records are Bad.
func NeedsRegistry(c *catalog.Catalog) bool {
	for _, t := range c.Tables {
		if t.Source.Format == "avro" {
			return true
		}
	}
	for _, e := range c.Events {
		if e.Source.Format == "avro" {
			return true
		}
	}
	return false
}

// The headers in which Confluent's serializers put the schema's id, if it is not to stand in front of the value.
const (
	keySchemaHeader   = "__key_schema_id"
	valueSchemaHeader = "__value_schema_id"
)

// The first byte of the wire format says what follows: a schema's id of 4 bytes, or its GUID of 16.
const (
	magicID   = 0
	magicGUID = 1
	idBytes   = 4
	guidBytes = 16
)

// schemaKey names a schema of the registry.
type schemaKey struct {
	id     uint32
	byGUID bool
	guid   [guidBytes]byte
}

// String returns the name as a registry and its users write it.
func (k *schemaKey) String() string {
	if !k.byGUID {
		return strconv.FormatUint(uint64(k.id), 10)
	}
	return string(appendUUID(nil, k.guid[:]))
}

// appendUUID appends the 16 bytes of a UUID as hexadecimal digits in five groups.
func appendUUID(dst, id []byte) []byte {
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, []byte{b})
	}
	return dst
}

// schemaKeyOf reads the wire format's front of b and returns what follows it.
func schemaKeyOf(b []byte) (k schemaKey, rest []byte, ok bool) {
	switch {
	case len(b) > idBytes && b[0] == magicID:
		k.id = binary.BigEndian.Uint32(b[1:])
		return k, b[1+idBytes:], true
	case len(b) > guidBytes && b[0] == magicGUID:
		k.byGUID = true
		copy(k.guid[:], b[1:])
		return k, b[1+guidBytes:], true
	}
	return k, b, false
}

// framed tells whether content, a key or a value, is in the wire format of a registry, by a header or by its front,
// and returns the schema's name and what is encoded by it.
func framed(content []byte, headers []engine.Header, header string) (k schemaKey, encoded []byte, ok bool) {
	for i := range headers {
		if headers[i].Key == header {
			if k, rest, ok := schemaKeyOf(headers[i].Value); ok && len(rest) == 0 {
				return k, content, true
			}
		}
	}
	return schemaKeyOf(content)
}

// writersMax bounds how many schemas a Decoder keeps compiled.
const writersMax = 4096

// writer is a schema by which records were written, or why it can't be used.
type writer struct {
	of      *avroType
	refused string
}

// writer returns the schema that k names. It is nil, and d.interrupted says why, if that can't be told now.
func (d *Decoder) writer(k *schemaKey) *writer {
	if w := d.writers[*k]; w != nil {
		return w
	}
	var text, refused string
	var err error
	switch {
	case k.byGUID:
		text, refused, err = d.options.Schemas.SchemaByGUID(k.String())
	case k.id > math.MaxInt32:
		refused = "a registry gives no such ids" // and may not even answer that there is none
	default:
		text, refused, err = d.options.Schemas.Schema(int(k.id))
	}
	if err != nil {
		d.interrupted = err
		return nil
	}
	if refused != "" {
		return &writer{refused: "schema " + k.String() + ": " + refused} // asked again: it may come yet
	}
	w := &writer{}
	if w.of, err = compileAvro(text); err != nil {
		w.refused = "schema " + k.String() + ": " + err.Error()
	}
	if d.writers == nil || len(d.writers) >= writersMax {
		d.writers = make(map[schemaKey]*writer)
	}
	d.writers[*k] = w
	return w
}

// avro makes t what content says, which is encoded by the schema k. It returns why that can't be, empty if it can.
// If d.interrupted is set after it, t is not to be used.
func (d *Decoder) avro(t *tape, k *schemaKey, encoded []byte) (reason string) {
	if d.options.Schemas == nil {
		return "expected a schema registry to be set, found Avro in its wire format: set registry.url"
	}
	w := d.writer(k)
	switch {
	case w == nil:
		return "the schema registry can't be reached"
	case w.refused != "":
		return w.refused
	case !t.scanAvro(encoded, w.of):
		return "invalid Avro at byte " + strconv.Itoa(t.at) + " of what schema " + k.String() + " describes: " + t.fault
	}
	return ""
}
