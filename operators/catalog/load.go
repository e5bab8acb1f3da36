package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is one file of a catalog: any number of YAML documents.
type File struct {
	Name string // as faults name it
	Text []byte
	// Open opens a file that the definitions name, relative to this one; nil: they can't name any.
	Open func(name string) (io.ReadCloser, error)
}

// Load reads the catalog in a folder: all *.yaml and *.yml in it and below, hidden folders left out. It follows
// links to files, as mounted configuration has them, not to folders. dir may also be one file. The error is
// Faults: all that is wrong, files named relative to what the user gave (dir/sub/x.yaml).
func Load(dir string) (*Catalog, error) {
	files, faults := read(dir)
	if len(files) == 0 {
		if len(faults) == 0 {
			faults = Faults{{File: dir, Message: "there is no catalog here", Hint: "files must end in .yaml or .yml"}}
		}
		return nil, faults.sorted()
	}
	c, err := Parse(files)
	var more Faults
	if errors.As(err, &more) {
		faults = append(faults, more...)
	}
	if len(faults) > 0 {
		return nil, faults.sorted()
	}
	return c, nil
}

// read returns the files of a folder, ordered by name.
func read(dir string) (files []File, faults Faults) {
	fail := func(name string, err error) {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		faults = append(faults, Fault{File: name, Message: "cannot read: " + err.Error()})
	}
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		fail(dir, err)
		return nil, faults
	}
	walk := func(path string, entry fs.DirEntry, err error) error {
		name := filepath.Join(dir, strings.TrimPrefix(path, root))
		switch {
		case err != nil:
			fail(name, err)
			return nil
		case entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case path != root && !isCatalogFile(entry.Name()):
			return nil
		}
		text, err := readFile(path)
		switch {
		case errors.Is(err, errNoFile):
		case err != nil:
			fail(name, err)
		default:
			files = append(files, File{Name: name, Text: text, Open: beside(path)})
		}
		return nil
	}
	_ = filepath.WalkDir(root, walk) // walk reports every error itself
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	return files, faults
}

// beside returns what opens files by their names relative to the folder of path.
func beside(path string) func(string) (io.ReadCloser, error) {
	return func(name string) (io.ReadCloser, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		info, err := os.Stat(name)
		if err == nil && !info.Mode().IsRegular() {
			err = errNoFile
		}
		if err != nil {
			return nil, err
		}
		return os.Open(name)
	}
}

func isCatalogFile(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	ext := strings.ToLower(filepath.Ext(name))
	return ext == ".yaml" || ext == ".yml"
}

var errNoFile = errors.New("no regular file")

// readFile reads a regular file, no further than a catalog's file may go.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNoFile
	}
	if info.Size() > fileBytesMax {
		return nil, fmt.Errorf("the file has %d bytes; at most %d are read", info.Size(), fileBytesMax)
	}
	return os.ReadFile(path)
}

// Parse checks and compiles a catalog. The error is Faults: all that is wrong in all files, ordered by place.
func Parse(files []File) (*Catalog, error) {
	b := &builder{doubtful: map[string]bool{}, open: openers{}}
	for _, f := range files {
		b.open[f.Name] = f.Open
		for _, n := range b.documents(f) {
			b.add(n)
		}
	}
	c := b.build()
	if len(b.faults) > 0 {
		faults := b.faults.sorted()
		if len(faults) > faultsMax {
			last := faults[faultsMax]
			last.Message, last.Hint = fmt.Sprintf("and %d more faults", len(faults)-faultsMax), ""
			faults = append(faults[:faultsMax:faultsMax], last)
		}
		return nil, faults
	}
	return c, nil
}
