package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
)

// Bundle is a revision of a catalog as it is published: its files, the files of members that they name among them.
type Bundle struct {
	Revision int64  // 0: not published
	Meaning  uint64 // Catalog.Hash
	Files    []BundleFile
}

// BundleFile is a file of definitions.
type BundleFile struct {
	Name   string // within the folder, with slashes
	Text   *Content
	Beside map[string]*Content // the files that its definitions name, by the names that they use
}

// LoadBundle reads and checks the catalog in a folder, as Load does, and packs its files.
func LoadBundle(dir string) (*Bundle, *Catalog, error) {
	files, faults := read(dir)
	if len(faults) > 0 || len(files) == 0 {
		_, err := Load(dir)
		return nil, nil, err
	}
	return packFiles(files, func(name string) string {
		if rel, err := filepath.Rel(dir, name); err == nil && rel != "." {
			return filepath.ToSlash(rel)
		}
		return filepath.Base(name)
	})
}

// Pack checks the catalog in files, as Parse does, and packs them.
func Pack(files []File) (*Bundle, *Catalog, error) {
	return packFiles(files, func(name string) string { return name })
}

func packFiles(files []File, rename func(string) string) (*Bundle, *Catalog, error) {
	named := make([]map[string]bool, len(files))
	watched := slices.Clone(files)
	for i := range files {
		if files[i].Open == nil {
			continue
		}
		named[i] = map[string]bool{}
		watched[i].Open = func(name string) (io.ReadCloser, error) {
			named[i][name] = true
			return files[i].Open(name)
		}
	}
	c, err := Parse(watched)
	if err != nil {
		return nil, nil, err
	}
	b := &Bundle{Meaning: c.Hash}
	for i, f := range files {
		packed := BundleFile{Name: rename(f.Name), Beside: map[string]*Content{}}
		if packed.Text, err = pack(bytes.NewReader(f.Text)); err != nil {
			return nil, nil, fmt.Errorf("cannot pack %s: %w", f.Name, err)
		}
		for name := range named[i] {
			err := withFile(f.Open, name, func(r io.Reader) (err error) {
				packed.Beside[name], err = pack(r)
				return err
			})
			if err != nil {
				return nil, nil, fmt.Errorf("cannot pack %s, which %s names: %w", name, f.Name, err)
			}
		}
		b.Files = append(b.Files, packed)
	}
	return b, c, nil
}

// Catalog checks and compiles the catalog in the bundle; faults name its files. Its revision is the bundle's.
func (b *Bundle) Catalog() (*Catalog, error) {
	files := make([]File, len(b.Files))
	for i, f := range b.Files {
		text, err := f.Text.Text()
		if err != nil {
			return nil, fmt.Errorf("cannot read %s of revision %d: %w", f.Name, b.Revision, err)
		}
		files[i] = File{Name: f.Name, Text: text, Open: func(name string) (io.ReadCloser, error) {
			c := f.Beside[name]
			if c == nil {
				return nil, fs.ErrNotExist
			}
			return c.Open(), nil
		}}
	}
	c, err := Parse(files)
	if err == nil && b.Revision > 0 {
		c.Revision = b.Revision
	}
	return c, err
}

// manifestFormat is the form of a manifest. A reader refuses what it does not know.
const manifestFormat = 1

// manifest is the record of a revision: what is in it, and which pieces its files are made of.
type manifest struct {
	Format   int            `json:"format"`
	Revision int64          `json:"revision"`
	Hash     string         `json:"hash"` // of the meaning, in hexadecimal digits
	Files    []manifestFile `json:"files"`
}

type manifestFile struct {
	Name string `json:"name"`
	manifestContent
	Beside map[string]manifestContent `json:"beside,omitempty"`
}

type manifestContent struct {
	Hash   string `json:"sha256"`
	Size   int64  `json:"size"`
	Chunks int    `json:"chunks"`
}

// Manifest returns the record of the revision without what is in the files.
func (b *Bundle) Manifest() ([]byte, error) {
	of := func(c *Content) manifestContent { return manifestContent{c.Hash, c.Size, len(c.Chunks)} }
	m := manifest{Format: manifestFormat, Revision: b.Revision, Hash: strconv.FormatUint(b.Meaning, 16)}
	for _, f := range b.Files {
		file := manifestFile{Name: f.Name, manifestContent: of(f.Text)}
		for name, c := range f.Beside {
			if file.Beside == nil {
				file.Beside = map[string]manifestContent{}
			}
			file.Beside[name] = of(c)
		}
		m.Files = append(m.Files, file)
	}
	return json.Marshal(m)
}

// ErrManifest says that bytes are no manifest, or one that this version does not know.
var ErrManifest = errors.New("not a revision of a catalog that this version knows; was it published by a newer weir?")

// ReadManifest makes a bundle of a manifest and the pieces of its files; chunk returns the piece number n of the file
// with a hash, nil if there is none.
func ReadManifest(value []byte, chunk func(hash string, n int) []byte) (*Bundle, error) {
	var m manifest
	if err := json.Unmarshal(value, &m); err != nil || m.Format != manifestFormat {
		return nil, ErrManifest
	}
	b := &Bundle{Revision: m.Revision}
	var err error
	if b.Meaning, err = strconv.ParseUint(m.Hash, 16, 64); err != nil || m.Revision < 1 {
		return nil, ErrManifest
	}
	for _, f := range m.Files {
		file := BundleFile{Name: f.Name, Beside: map[string]*Content{}}
		if file.Text, err = f.content(chunk); err != nil {
			return nil, fmt.Errorf("cannot read %s of revision %d: %w", f.Name, m.Revision, err)
		}
		for name, of := range f.Beside {
			if file.Beside[name], err = of.content(chunk); err != nil {
				return nil, fmt.Errorf("cannot read %s of revision %d: %w", name, m.Revision, err)
			}
		}
		b.Files = append(b.Files, file)
	}
	return b, nil
}

func (m *manifestContent) content(chunk func(hash string, n int) []byte) (*Content, error) {
	c := &Content{Hash: m.Hash, Size: m.Size}
	for n := range m.Chunks {
		piece := chunk(m.Hash, n)
		if piece == nil {
			return nil, ErrContent
		}
		c.Chunks = append(c.Chunks, piece)
	}
	return c, nil
}
