package expr

import (
	"time"

	"github.com/weirstream/weir/state/row"
)

// Period is a span of time as the catalog language writes it: calendar months and an exact duration. One of
// them is zero: "90d" is exact, "6mo" and "5y" are calendar.
type Period struct {
	Months   int32
	Duration time.Duration
}

// ParsePeriod reads "15m", "12h", "90d", "2w", "6mo", "5y": a whole positive number and a unit.
func ParsePeriod(s string) (Period, error) { panic("stub") }

// Env is a Scope that expressions can be compiled in. Safe for concurrent use.
type Env struct{}

// NewEnv prepares a scope.
func NewEnv(s Scope) (*Env, error) { panic("stub") }

// Compile parses, checks and compiles a condition (an expression of type bool). Either the program or the
// problems are returned, all that could be found.
func (e *Env) Compile(source string) (*Program, []Problem) { panic("stub") }

// Program is a compiled condition. It is immutable and safe for concurrent use.
type Program struct{}

// Eval evaluates the condition on in. The result is the same at every instant from in.Now up to, not including,
// until if nothing else of in changes. It may change at until, but need not.
func (p *Program) Eval(in *Input) (result Truth, until row.Instant) { panic("stub") }

// Reads returns what the program depends on.
func (p *Program) Reads() Reads { panic("stub") }

// Source returns the text that was compiled.
func (p *Program) Source() string { panic("stub") }
