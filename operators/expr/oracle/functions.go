package oracle

import (
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/expr/internal/front"
)

// nowVariable is now under a name that no source text can hide by a variable of its own.
const nowVariable = "@now"

// declarations binds weir's own functions. ago, ahead and within get the clock as a further argument, by macros.
// Calendar units are meant in loc.
func declarations(loc *time.Location) []cel.EnvOption {
	elem := cel.TypeParamType("T")
	list := cel.ListType(elem)
	shifted := func(sign int) cel.OverloadOpt {
		return cel.BinaryBinding(func(now, period ref.Val) ref.Val {
			p, err := expr.ParsePeriod(string(period.(types.String)))
			if err != nil {
				return types.WrapErr(err)
			}
			return types.Timestamp{Time: shift(now.(types.Timestamp).Time, p, sign, loc)}
		})
	}
	withClock := func(name string) cel.EnvOption {
		return cel.Macros(cel.GlobalMacro(name, 1,
			func(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
				return f.NewCall("@"+name, f.NewIdent(nowVariable), args[0]), nil
			}))
	}
	opts := []cel.EnvOption{
		cel.Variable(nowVariable, cel.TimestampType),
		withClock("ago"), withClock("ahead"),
		cel.Macros(cel.GlobalMacro("has", 1, has)),
		cel.Macros(cel.ReceiverMacro("within", 1,
			func(f cel.MacroExprFactory, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
				return f.NewCall("@within", target, f.NewIdent(nowVariable), args[0]), nil
			})),
		cel.Function("@ago", cel.Overload("@ago", []*cel.Type{cel.TimestampType, cel.StringType},
			cel.TimestampType, shifted(-1))),
		cel.Function("@ahead", cel.Overload("@ahead", []*cel.Type{cel.TimestampType, cel.StringType},
			cel.TimestampType, shifted(1))),
		cel.Function("@within", cel.Overload("@within", []*cel.Type{list, cel.TimestampType, cel.StringType},
			list, cel.FunctionBinding(within(loc)))),
	}
	if loc != time.UTC {
		opts = append(opts, accessors(loc)...)
	}
	return append(opts, front.Declare(bind)...)
}

// has makes has(x.a.b.c) what has(x.a) && has(x.a.b) && has(x.a.b.c) is in CEL: false where a link leads to no row.
// (A field of a field can be nothing else than a row's to which a link leads.)
func has(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	if args[0].Kind() != ast.SelectKind || args[0].AsSelect().IsTestOnly() {
		return nil, f.NewError(args[0].ID(), "invalid argument to has() macro")
	}
	of := args[0].AsSelect().Operand()
	test := f.NewPresenceTest(of, args[0].AsSelect().FieldName())
	if of.Kind() != ast.SelectKind || of.AsSelect().IsTestOnly() {
		return test, nil
	}
	there, err := has(f, nil, []ast.Expr{f.Copy(of)})
	if err != nil {
		return nil, err
	}
	return f.NewCall(operators.LogicalAnd, there, test), nil
}

// accessors makes getMonth() and its like, without a zone of their own, those of the zone loc: each becomes a function
// that asks cel-go's own accessor, of times with the zone.
func accessors(loc *time.Location) []cel.EnvOption {
	var opts []cel.EnvOption
	for name, overload := range zoneOverloads {
		inner := "@" + name
		ofTime := cel.Overload(inner+"_time", []*cel.Type{cel.TimestampType}, cel.IntType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				return v.(traits.Receiver).Receive(name, overload, []ref.Val{types.String(loc.String())})
			}))
		ofDuration := cel.Overload(inner+"_duration", []*cel.Type{cel.DurationType}, cel.IntType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				return v.(traits.Receiver).Receive(name, "duration_to_"+strings.ToLower(name[len("get"):]), nil)
			}))
		decl := []cel.FunctionOpt{ofTime}
		if slices.Contains(durationAccessors, name) {
			decl = append(decl, ofDuration)
		}
		opts = append(opts, cel.Function(inner, decl...), cel.Macros(cel.ReceiverMacro(name, 0,
			func(f cel.MacroExprFactory, target ast.Expr, _ []ast.Expr) (ast.Expr, *cel.Error) {
				return f.NewCall(inner, target), nil
			})))
	}
	return opts
}

// zoneOverloads are cel-go's names of the accessors with a zone.
var zoneOverloads = map[string]string{
	"getFullYear": overloads.TimestampToYearWithTz, "getMonth": overloads.TimestampToMonthWithTz,
	"getDayOfYear":  overloads.TimestampToDayOfYearWithTz,
	"getDayOfMonth": overloads.TimestampToDayOfMonthZeroBasedWithTz,
	"getDate":       overloads.TimestampToDayOfMonthOneBasedWithTz, "getDayOfWeek": overloads.TimestampToDayOfWeekWithTz,
	"getHours": overloads.TimestampToHoursWithTz, "getMinutes": overloads.TimestampToMinutesWithTz,
	"getSeconds": overloads.TimestampToSecondsWithTz, "getMilliseconds": overloads.TimestampToMillisecondsWithTz,
}

// durationAccessors are those that durations have, too.
var durationAccessors = []string{"getHours", "getMinutes", "getSeconds", "getMilliseconds"}

// within keeps the events with time > now - period and time <= now.
func within(loc *time.Location) func(args ...ref.Val) ref.Val {
	return func(args ...ref.Val) ref.Val {
		p, err := expr.ParsePeriod(string(args[2].(types.String)))
		if err != nil {
			return types.WrapErr(err)
		}
		now := args[1].(types.Timestamp).Time
		from := shift(now, p, -1, loc)
		var kept []ref.Val
		for _, v := range elements(args[0]) {
			e, ok := v.(*object)
			if !ok || e.event == nil {
				return types.NewErr("within() of what is no event")
			}
			if t := e.event.Time.Time(); t.After(from) && !t.After(now) {
				kept = append(kept, v)
			}
		}
		return types.NewRefValList(types.DefaultTypeAdapter, kept)
	}
}

func elements(list ref.Val) []ref.Val {
	var vals []ref.Val
	for it := list.(traits.Lister).Iterator(); it.HasNext() == types.True; {
		vals = append(vals, it.Next())
	}
	return vals
}

// shift moves t by a period: months by time.Date on the first of the month, then back to the day, clamped, in loc.
func shift(t time.Time, p expr.Period, sign int, loc *time.Location) time.Time {
	if p.Months == 0 {
		return t.Add(time.Duration(sign) * p.Duration)
	}
	t = t.In(loc)
	first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, sign*int(p.Months), 0)
	day := min(t.Day(), first.AddDate(0, 1, -1).Day())
	return time.Date(first.Year(), first.Month(), day, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), loc)
}

// bind binds the functions of lists.
func bind(overload string) []cel.OverloadOpt {
	fold := func(f func(vals []ref.Val) ref.Val) []cel.OverloadOpt {
		return []cel.OverloadOpt{cel.UnaryBinding(func(list ref.Val) ref.Val { return f(elements(list)) })}
	}
	switch overload {
	case "list_first":
		return fold(func(vals []ref.Val) ref.Val { return end(vals, false) })
	case "list_last":
		return fold(func(vals []ref.Val) ref.Val { return end(vals, true) })
	case "list_int_sum":
		return fold(func(vals []ref.Val) ref.Val { return sum(vals, types.Int(0)) })
	case "list_double_sum":
		return fold(func(vals []ref.Val) ref.Val { return sum(vals, types.Double(0)) })
	case "list_int_min", "list_double_min":
		return fold(func(vals []ref.Val) ref.Val { return extreme(vals, types.IntNegOne) })
	case "list_int_max", "list_double_max":
		return fold(func(vals []ref.Val) ref.Val { return extreme(vals, types.IntOne) })
	case "list_int_avg", "list_double_avg":
		return fold(avg)
	}
	return nil
}

func end(vals []ref.Val, last bool) ref.Val {
	var best *object
	for _, v := range vals {
		e, ok := v.(*object)
		if !ok || e.event == nil {
			return types.NewErr("first() or last() of what is no event")
		}
		if best == nil || !last && e.event.Time.Time().Before(best.event.Time.Time()) ||
			last && !e.event.Time.Time().Before(best.event.Time.Time()) {
			best = e
		}
	}
	if best == nil {
		return types.NullValue
	}
	return best
}

func sum(vals []ref.Val, zero ref.Val) ref.Val {
	acc := zero
	for _, v := range vals {
		if acc = acc.(traits.Adder).Add(v); types.IsError(acc) {
			return acc
		}
	}
	return acc
}

func extreme(vals []ref.Val, sign types.Int) ref.Val {
	if len(vals) == 0 {
		return types.NewErr("min() or max() of nothing")
	}
	var best ref.Val
	for _, v := range vals {
		if v.Type() != types.IntType && v.Type() != types.DoubleType {
			return types.NewErr("min() or max() of what is no number")
		}
		if best == nil || v.(traits.Comparer).Compare(best) == sign {
			best = v
		}
	}
	return best
}

func avg(vals []ref.Val) ref.Val {
	if len(vals) == 0 {
		return types.NewErr("avg() of nothing")
	}
	acc := 0.0
	for _, v := range vals {
		switch n := v.(type) {
		case types.Int:
			acc += float64(n)
		case types.Double:
			acc += float64(n)
		default:
			return types.NewErr("avg() of what is no number")
		}
	}
	return types.Double(acc / float64(len(vals)))
}
