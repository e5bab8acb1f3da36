package front

import (
	"cel.dev/cel-go/cel"
)

// Function is a function of weir's own, as it is declared to cel-go.
type Function struct {
	Name, Overload string
	Member         bool
	Args           []*cel.Type
	Result         *cel.Type
}

var (
	elem     = cel.TypeParamType("T")
	listElem = cel.ListType(elem)
)

// Functions are weir's own functions. in_segment is a macro.
var Functions = []Function{
	{"ago", "ago_string", false, []*cel.Type{cel.StringType}, cel.TimestampType},
	{"ahead", "ahead_string", false, []*cel.Type{cel.StringType}, cel.TimestampType},
	{"within", "list_within_string", true, []*cel.Type{listElem, cel.StringType}, listElem},
	{"first", "list_first", true, []*cel.Type{listElem}, elem},
	{"last", "list_last", true, []*cel.Type{listElem}, elem},
	{"sum", "list_int_sum", true, []*cel.Type{cel.ListType(cel.IntType)}, cel.IntType},
	{"sum", "list_double_sum", true, []*cel.Type{cel.ListType(cel.DoubleType)}, cel.DoubleType},
	{"min", "list_int_min", true, []*cel.Type{cel.ListType(cel.IntType)}, cel.IntType},
	{"min", "list_double_min", true, []*cel.Type{cel.ListType(cel.DoubleType)}, cel.DoubleType},
	{"max", "list_int_max", true, []*cel.Type{cel.ListType(cel.IntType)}, cel.IntType},
	{"max", "list_double_max", true, []*cel.Type{cel.ListType(cel.DoubleType)}, cel.DoubleType},
	{"avg", "list_int_avg", true, []*cel.Type{cel.ListType(cel.IntType)}, cel.DoubleType},
	{"avg", "list_double_avg", true, []*cel.Type{cel.ListType(cel.DoubleType)}, cel.DoubleType},
}

// Declare declares Functions; bind gives what cel-go is to call for an overload, or nothing.
func Declare(bind func(overload string) []cel.OverloadOpt) []cel.EnvOption {
	var opts []cel.EnvOption
	for _, f := range Functions {
		declare := cel.Overload
		if f.Member {
			declare = cel.MemberOverload
		}
		opts = append(opts, cel.Function(f.Name, declare(f.Overload, f.Args, f.Result, bind(f.Overload)...)))
	}
	return opts
}
