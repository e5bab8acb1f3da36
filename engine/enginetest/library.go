package enginetest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/weirstream/weir/operators/catalog"
)

// Library is where scripts find their catalogs. What several scripts use is compiled once. Safe for concurrent use.
type Library struct {
	Shared fs.FS                            // holds the files that scripts name with use; nil: none
	Own    func() (*catalog.Catalog, error) // the catalog of scripts that bring and name none; nil: there is none

	mu   sync.Mutex
	used map[string]func() (*catalog.Catalog, error) // by the names after use
}

// Parse reads a script, as the function Parse does. A script that neither names a catalog nor brings one is about the
// library's own.
func (l *Library) Parse(name string, text []byte) (*Script, error) {
	p := &parser{script: &Script{Name: name}, library: l}
	return p.parse(string(text))
}

// own returns the library's own catalog.
func (l *Library) own() (*catalog.Catalog, error) {
	if l.Own == nil {
		return catalog.Parse(nil)
	}
	return l.Own()
}

// use returns the catalog made of shared files alone.
func (l *Library) use(files []catalog.File) (*catalog.Catalog, error) {
	names := make([]string, len(files))
	for i := range files {
		names[i] = files[i].Name
	}
	slices.Sort(names)
	key := strings.Join(names, "\n")
	l.mu.Lock()
	parse := l.used[key]
	if parse == nil {
		if l.used == nil {
			l.used = map[string]func() (*catalog.Catalog, error){}
		}
		parse = sync.OnceValues(func() (*catalog.Catalog, error) { return catalog.Parse(files) })
		l.used[key] = parse
	}
	l.mu.Unlock()
	return parse()
}

// file reads the shared file that use calls name.
func (l *Library) file(name string) (catalog.File, error) {
	if l.Shared == nil {
		return catalog.File{}, errors.New("there are no shared catalogs to use")
	}
	text, err := fs.ReadFile(l.Shared, name+".yaml")
	if err != nil {
		return catalog.File{}, fmt.Errorf("cannot read the catalog: %w", err)
	}
	return catalog.File{Name: path.Clean(name + ".yaml"), Text: text, Open: l.open}, nil
}

// open opens a file that a catalog names: one of the shared.
func (l *Library) open(name string) (io.ReadCloser, error) {
	if l.Shared == nil {
		return nil, fs.ErrNotExist
	}
	return l.Shared.Open(name)
}
