package main

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/weirstream/weir/operators/catalog"
)

// libraryFiles are the definitions that weir brings along, a file a theme, and the scripts that show each trigger.
//
//go:embed library/*.yaml library/*.weir
var libraryFiles embed.FS

// library is the catalog of definitions that people choose from.
type library struct {
	catalog     *catalog.Catalog
	definitions []catalog.Written // in order of themes; their names differ, whatever their kinds
	byName      map[string]*catalog.Written
	format      string // of the rows
}

// libraryFormat is the source format of the rows as the embedded definitions have it; rowFormats are those that can
// take its place without other changes.
const libraryFormat = "debezium"

var rowFormats = []string{libraryFormat, "json", "avro", "msgpack"}

// openLibrary reads what is embedded, for rows that come in a format.
func openLibrary(format string) (*library, error) {
	if !slices.Contains(rowFormats, format) {
		return nil, usagef("--format %s: rows may come as %s; for others edit the sources after adding", format,
			strings.Join(rowFormats, ", "))
	}
	var files []catalog.File
	names, err := fs.Glob(libraryFiles, "library/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("cannot read the built-in definitions: %w", err)
	}
	for _, name := range names {
		text, err := libraryFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read the built-in definitions: %w", err)
		}
		text = bytes.ReplaceAll(text, []byte("format: "+libraryFormat+"}"), []byte("format: "+format+"}"))
		files = append(files, catalog.File{Name: name, Text: text})
	}
	c, err := catalog.Parse(files)
	if err != nil {
		return nil, fmt.Errorf("cannot read the built-in definitions: %w", err)
	}
	l := &library{catalog: c, definitions: catalog.Definitions(files), byName: map[string]*catalog.Written{},
		format: format}
	for i := range l.definitions {
		l.byName[l.definitions[i].Name] = &l.definitions[i]
	}
	return l, nil
}

// theme returns what a definition is about: its file, without folder and ending.
func theme(d *catalog.Written) string { return strings.TrimSuffix(path.Base(d.File), ".yaml") }

// match returns the definitions whose name or theme a pattern matches, with *, ? and [] as in a shell.
func (l *library) match(pattern string) ([]*catalog.Written, error) {
	var found []*catalog.Written
	for i := range l.definitions {
		d := &l.definitions[i]
		byName, err := path.Match(pattern, d.Name)
		if err != nil {
			return nil, usagef("%q is no pattern: %v", pattern, err)
		}
		byTheme, _ := path.Match(pattern, theme(d))
		if byName || byTheme {
			found = append(found, d)
		}
	}
	return found, nil
}

// choose returns the definitions that the names or patterns mean, each once; a name that means none is wrong use.
func (l *library) choose(names []string) ([]*catalog.Written, error) {
	var chosen []*catalog.Written
	seen := map[*catalog.Written]bool{}
	for _, name := range names {
		found := []*catalog.Written{l.byName[name]}
		if found[0] == nil {
			var err error
			if found, err = l.match(name); err != nil {
				return nil, err
			}
		}
		if len(found) == 0 {
			known := make([]string, len(l.definitions))
			for i := range l.definitions {
				known[i] = l.definitions[i].Name
			}
			return nil, usagef("there is no built-in definition %q%s; see 'weir catalog list'", name,
				didYouMean(name, known, ""))
		}
		for _, d := range found {
			if !seen[d] {
				seen[d] = true
				chosen = append(chosen, d)
			}
		}
	}
	return chosen, nil
}

// with returns the definitions with all that they need, each once and behind what it needs.
func (l *library) with(chosen []*catalog.Written) []*catalog.Written {
	var all []*catalog.Written
	seen := map[string]bool{}
	for _, d := range chosen {
		for _, r := range l.catalog.Needs(d.Reference) {
			if !seen[r.Name] {
				seen[r.Name] = true
				all = append(all, l.byName[r.Name])
			}
		}
	}
	return all
}

// In scripts: rows that Debezium's snapshots read, which plain rows have nothing like, and the others.
var (
	snapshotLine = regexp.MustCompile(`(?m)^cdc \w+ r .*\n`)
	changeLine   = regexp.MustCompile(`(?m)^cdc (\w+) [cu] \d+ `)
)

// script returns the script that shows a trigger, for rows in the library's format, which is debezium or json; nil for
// what has none.
func (l *library) script(d *catalog.Written) []byte {
	text, err := libraryFiles.ReadFile("library/" + d.Name + ".weir")
	if d.Kind != "Trigger" || err != nil {
		return nil
	}
	if l.format == "json" {
		text = snapshotLine.ReplaceAll(text, nil)
		text = changeLine.ReplaceAll(text, []byte("row $1 "))
	}
	return text
}
