package expr

// FunctionDoc describes a function, macro or operator of the language.
type FunctionDoc struct {
	Name      string // as it is written
	Signature string // with the types
	Meaning   string // one line
	Example   string // an expression that uses it
}

// Functions returns the reference of the language's functions, macros and operators, by subject.
func Functions() []FunctionDoc { return functionDocs }

var functionDocs = []FunctionDoc{}
