package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/operators/catalog"
)

// addOptions is what the command line of catalog add says.
type addOptions struct {
	names   []string
	dir     string
	all     bool
	scripts bool
	format  string
}

func (p *program) catalogAddCommand() *cobra.Command {
	var o addOptions
	cmd := &cobra.Command{
		Use:   "add NAME...",
		Short: "Write built-in definitions and all that they need into a folder of your catalog",
		Long: "add writes each definition into the file NAME.yaml of DIR, unless the folder says the same somewhere\n" +
			"already. What is there is never changed: if a definition of that name says something else, or the catalog\n" +
			"would have a fault, nothing is written. At the end the whole folder is checked, as by weir check.",
		Example: "  weir catalog add opportunity-won low-survey-score --dir catalog/\n" +
			"  weir catalog add --all --dir catalog/ --scripts && weir test catalog/",
		Args: func(cmd *cobra.Command, given []string) error {
			switch {
			case o.all && len(given) > 0:
				return usagef("--all adds everything: leave the names out")
			case o.all:
				return nil
			}
			return atLeastOne(cmd, given)
		},
		RunE: func(_ *cobra.Command, given []string) error {
			if o.names = given; o.all {
				o.names = []string{"*"}
			}
			if o.dir == "" {
				return usagef("weir catalog add needs --dir, the folder of your catalog")
			}
			if o.scripts && o.format != libraryFormat && o.format != "json" {
				return usagef("--scripts: they are there for rows as %s and json, not as %s", libraryFormat, o.format)
			}
			return p.catalogAdd(o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", "", "folder of your catalog; it is made if it is not there")
	f.BoolVar(&o.all, "all", false, "add everything")
	formatFlag(cmd, &o.format)
	f.BoolVar(&o.scripts, "scripts", false, "add the script NAME.weir of each trigger too, for weir test")
	return cmd
}

// addition is what is to be written into a folder, and what of it is there.
type addition struct {
	dir     string
	files   []catalog.File                         // the folder's files, then those that are new
	there   map[catalog.Reference]*catalog.Written // all definitions of these, by their first place
	inFile  map[string][]catalog.Reference         // the same by file
	texts   map[string][]byte                      // what is to be written, by file
	order   []string                               // the files of texts
	lines   []string                               // what was done, for the user
	refused []error
	catalog *catalog.Catalog // of all files
}

func (p *program) catalogAdd(o addOptions) error {
	l, err := openLibrary(o.format)
	if err != nil {
		return err
	}
	chosen, err := l.choose(o.names)
	if err != nil {
		return err
	}
	a, err := openAddition(o.dir)
	if err != nil {
		return err
	}
	for _, d := range l.with(chosen) {
		a.definition(d)
	}
	if a.catalog, err = catalog.Parse(a.files); err != nil {
		a.refuse("%w", err)
	} else if o.scripts {
		for _, d := range chosen {
			if text := l.script(d); text != nil {
				a.script(d, text)
			}
		}
	}
	if len(a.refused) > 0 {
		p.complain("%v", errors.Join(a.refused...))
		p.complain("nothing is written")
		return silentError{}
	}
	if err := a.write(); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(p.stdout, strings.Join(a.lines, "\n")); err != nil {
		return err
	}
	return p.check(o.dir)
}

// openAddition reads what is in the folder, which need not be there.
func openAddition(dir string) (*addition, error) {
	a := &addition{dir: dir, there: map[catalog.Reference]*catalog.Written{}, texts: map[string][]byte{},
		inFile: map[string][]catalog.Reference{}}
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return a, nil
	case err != nil:
		return nil, fmt.Errorf("cannot look at --dir: %w", err)
	case !info.IsDir():
		return nil, usagef("--dir %s is no folder", dir)
	}
	files, err := catalog.ReadFiles(dir)
	if err != nil {
		return nil, err
	}
	a.addFiles(files...)
	return a, nil
}

func (a *addition) addFiles(files ...catalog.File) {
	a.files = append(a.files, files...)
	definitions := catalog.Definitions(files)
	for i := range definitions {
		d := &definitions[i]
		if a.there[d.Reference] == nil {
			a.there[d.Reference] = d
			a.inFile[d.File] = append(a.inFile[d.File], d.Reference)
		}
	}
}

func (a *addition) refuse(format string, args ...any) {
	a.refused = append(a.refused, fmt.Errorf(format, args...))
}

// definition adds a definition in a file of its own, unless it is there.
func (a *addition) definition(d *catalog.Written) {
	kind := strings.ToLower(d.Kind)
	if there := a.there[d.Reference]; there != nil {
		if there.Same(d) {
			a.lines = append(a.lines, fmt.Sprintf("%s %s is in %s:%d already", kind, d.Name, there.File, there.Line))
		} else {
			a.refuse("%s:%d: the %s %s is there already, and says something else (hint: rename yours, or compare it with "+
				"'weir catalog show %s')", there.File, there.Line, kind, d.Name, d.Name)
		}
		return
	}
	name := filepath.Join(a.dir, d.Name+".yaml")
	if a.file(name, []byte(d.Text), kind+" "+d.Name) {
		a.addFiles(catalog.File{Name: name, Text: []byte(d.Text)})
	}
}

// file notes a file that is to be written; false if there is one of that name.
func (a *addition) file(name string, text []byte, what string) bool {
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		a.refuse("%s:1: the file is there already, and is not the %s (hint: give it another name)", name, what)
		return false
	}
	a.texts[name] = text
	a.order = append(a.order, name)
	a.lines = append(a.lines, fmt.Sprintf("%s is added in %s", what, name))
	return true
}

// script adds the script of a trigger: about the trigger's file and those that this one needs, so that what else
// there is in the folder does not come out.
func (a *addition) script(d *catalog.Written, text []byte) {
	about, steps, _ := strings.Cut(string(text), "\nat ")
	uses := make([]string, 0, 8)
	for _, file := range a.filesFor(d.Reference) {
		relative, err := filepath.Rel(a.dir, file)
		name, found := strings.CutSuffix(filepath.ToSlash(relative), ".yaml")
		if err != nil || !found {
			a.refuse("%s:1: the script of %s can't use this file (hint: its name must end in .yaml)", file, d.Name)
			return
		}
		uses = append(uses, "\nuse "+name)
	}
	whole := []byte(about + strings.Join(uses, "") + "\nat " + steps)
	name := filepath.Join(a.dir, d.Name+".weir")
	if there, err := os.ReadFile(name); err == nil && string(there) == string(whole) {
		a.lines = append(a.lines, fmt.Sprintf("script of %s is in %s already", d.Name, name))
		return
	}
	a.file(name, whole, "script of "+d.Name)
}

// filesFor returns the files without which a definition would not be right, nor anything else in them.
func (a *addition) filesFor(r catalog.Reference) []string {
	var files []string
	for wait := []catalog.Reference{r}; len(wait) > 0; wait = wait[1:] {
		for _, need := range a.catalog.Needs(wait[0]) {
			file := a.there[need].File
			if !slices.Contains(files, file) {
				files = append(files, file)
				wait = append(wait, a.inFile[file]...)
			}
		}
	}
	return files
}

// write writes what is new. No file that is there is touched, also if it came meanwhile.
func (a *addition) write() error {
	if err := os.MkdirAll(a.dir, 0o755); err != nil {
		return fmt.Errorf("cannot make --dir: %w", err)
	}
	for _, name := range a.order {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return fmt.Errorf("cannot write a definition: %w", err)
		}
		_, err = f.Write(a.texts[name])
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("cannot write a definition: %w", err)
		}
	}
	return nil
}
