package main

import "embed"

// demoCatalog is the catalog of the demo: demo/*.yaml. It doubles as an example of the language.
//
//go:embed demo/*.yaml
var demoCatalog embed.FS
