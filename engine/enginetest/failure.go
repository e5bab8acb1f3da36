package enginetest

import (
	"errors"
	"fmt"

	"github.com/weirstream/weir/operators/catalog"
)

// Failure is one thing that is wrong with a script, or one that it expects and that is not so.
type Failure struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // from 1; 0: the script as a whole
	Message string `json:"message"`
	Diff    string `json:"diff,omitempty"` // what came out against what is expected, a line an output, each begun by \n
}

// Error returns the failure as "file:line: message", with the diff below it.
func (f *Failure) Error() string {
	if f.Line == 0 {
		return f.File + ": " + f.Message + f.Diff
	}
	return fmt.Sprintf("%s:%d: %s%s", f.File, f.Line, f.Message, f.Diff)
}

// Failures returns what the error of Parse or Run of the script called name is made of, in order.
func Failures(name string, err error) []*Failure {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Failure
		for _, e := range joined.Unwrap() {
			all = append(all, Failures(name, e)...)
		}
		return all
	}
	var faults catalog.Faults
	if errors.As(err, &faults) {
		all := make([]*Failure, len(faults))
		for i := range faults {
			f := faults[i]
			all[i] = &Failure{File: f.File, Line: f.Line, Message: f.Message}
			if f.Hint != "" {
				all[i].Message += " (hint: " + f.Hint + ")"
			}
		}
		return all
	}
	var failure *Failure
	if errors.As(err, &failure) {
		return []*Failure{failure}
	}
	return []*Failure{{File: name, Message: err.Error()}}
}
