package catalog

import (
	"bytes"
	_ "embed"
)

//go:embed schema.json
var jsonSchema []byte

// JSONSchema returns the JSON Schema (draft-07, which editors understand) of one definition of a catalog. It knows all
// of the language: what this version does not support is described as such. The slice is the caller's.
func JSONSchema() []byte { return bytes.Clone(jsonSchema) }
