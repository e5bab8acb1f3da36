package expr

// FunctionDoc describes a function, macro or operator of the language.
type FunctionDoc struct {
	Name      string // as it is written
	Signature string // with the types
	Meaning   string // one line
	Example   string // a condition that uses it
}

// Functions returns the reference of the language's functions, macros and operators, by subject.
func Functions() []FunctionDoc { return functionDocs }

var functionDocs = []FunctionDoc{
	{
		"==, !=", "A == A, A != A",
		"equal, not equal; null is equal to null alone, and != is true of a null and a value",
		`contact.state != "ND"`,
	},
	{
		"<, <=, >, >=", "A < A",
		"order of numbers, strings, times and durations; an error on null",
		"contact.score >= 50",
	},
	{
		"&&", "bool && bool",
		"both; false if one is false even if the other is an error",
		`contact.state == "ND" && contact.score > 5`,
	},
	{
		"||", "bool || bool",
		"one at least; true if one is true even if the other is an error",
		`contact.score > 5 || contact.state == "ND"`,
	},
	{
		"!", "!bool",
		"not",
		"!contact.opt_in",
	},
	{
		"? :", "bool ? A : A",
		"the second if the first is true, else the third",
		"(contact.opt_in ? 10 : 20) > contact.score",
	},
	{
		"in", "A in list(A)",
		"an element of the list is equal",
		`contact.state in ["ND", "MN"]`,
	},
	{
		"+", "number + number, string + string, list + list, time + duration",
		"sum, or one after the other; an int beyond 64 bits is an error",
		"contact.score + 1 > 5",
	},
	{
		"-", "number - number, timestamp - timestamp, timestamp - duration",
		"difference; of two times it is a duration",
		`now - contact.customer_since > duration("24h")`,
	},
	{
		"*, /, %", "number * number",
		"product, quotient, remainder (int only); division of an int by 0 is an error",
		"contact.score % 2 == 0",
	},
	{
		"[]", "list(A)[int]",
		"the element at a position, from 0; an error beyond the end",
		`contact.tags[0] == "vip"`,
	},
	{
		".", "object.field, row.link",
		"the field's value; the row to which the link leads, null if there is none, or the list of rows; of a null an error",
		`contact.account.industry == "retail" && contact.opportunities.exists(o, o.status == "won")`,
	},
	{
		"has", "has(object.field)",
		"the field is not null; false if the object is null, or if a link before it leads to no row",
		"has(contact.revenue)",
	},
	{
		"exists", "list(A).exists(x, bool)",
		"the condition holds for one element at least; absorbs errors as || does",
		`email_opened.exists(e, e.email == "spring")`,
	},
	{
		"all", "list(A).all(x, bool)",
		"the condition holds for every element; true of an empty list",
		`contact.tags.all(t, t.startsWith("a"))`,
	},
	{
		"exists_one", "list(A).exists_one(x, bool)",
		"the condition holds for exactly one element",
		`email_opened.exists_one(e, e.email == "spring")`,
	},
	{
		"filter", "list(A).filter(x, bool)",
		"the elements for which the condition holds",
		`email_opened.filter(e, e.email == "spring").size() >= 3`,
	},
	{
		"map", "list(A).map(x, B)",
		"what the expression gives for each element",
		"purchase.map(p, p.amount).sum() > 500.0",
	},
	{
		"map", "list(A).map(x, bool, B)",
		"the same, of the elements for which the condition holds",
		"purchase.map(p, p.amount != null, p.amount).sum() > 500.0",
	},
	{
		"within", "list(event).within(period)",
		"the events with time > ago(period) and time <= now",
		`email_opened.within("90d").size() >= 3`,
	},
	{
		"first", "list(event).first()",
		"the earliest event; null if there is none",
		`purchase.first().time > ago("1y")`,
	},
	{
		"last", "list(event).last()",
		"the latest event; null if there is none",
		`purchase.last() == null || purchase.last().time < ago("90d")`,
	},
	{
		"sum", "list(number).sum()",
		"the sum; 0 of nothing; an error if one is null",
		"purchase.map(p, p.amount).sum() > 500.0",
	},
	{
		"min", "list(number).min()",
		"the least; an error of nothing, or if one is null",
		"purchase.map(p, p.amount).min() > 5.0",
	},
	{
		"max", "list(number).max()",
		"the greatest; an error of nothing, or if one is null",
		"purchase.map(p, p.amount).max() > 500.0",
	},
	{
		"avg", "list(number).avg()",
		"the mean, a double; an error of nothing, or if one is null",
		"purchase.map(p, p.amount).avg() > 50.0",
	},
	{
		"size", "list(A).size(), string.size()",
		"the number of elements, or of characters",
		"contact.tags.size() > 2",
	},
	{
		"now", "now",
		"the time of the engine's clock",
		"contact.customer_since < now",
	},
	{
		"ago", "ago(period)",
		"now minus a period: s, m, h, d, w exact; mo, y by the calendar, clamped to the month's end",
		`contact.birthdate <= ago("18y")`,
	},
	{
		"ahead", "ahead(period)",
		"now plus a period",
		`contact.renewal < ahead("30d")`,
	},
	{
		"in_segment", `in_segment("name")`,
		"the subject is a member of another segment of its audience",
		`!in_segment("board")`,
	},
	{
		"timestamp", "timestamp(string), timestamp(int)",
		"a time from RFC 3339 text, or from seconds since 1970",
		`contact.customer_since < timestamp("2026-01-31T00:00:00Z")`,
	},
	{
		"duration", "duration(string)",
		"a duration from text with the units h, m, s, ms, us, ns",
		`now - contact.customer_since > duration("36h")`,
	},
	{
		"int", "int(double), int(string), int(timestamp), int(duration)",
		"a whole number; of a time its seconds since 1970, of a duration its nanoseconds",
		"int(contact.revenue) > 100",
	},
	{
		"double", "double(int), double(string)",
		"a double",
		"double(contact.score) > contact.revenue",
	},
	{
		"string", "string(A)",
		"as text; not of what moves with now",
		`string(contact.score) == "5"`,
	},
	{
		"bool", "bool(string)",
		"true or false from text",
		"bool(contact.state)",
	},
	{
		"getFullYear", "timestamp.getFullYear([zone])",
		"the year; zone is an IANA name or an offset, UTC if omitted",
		"contact.birthdate.getFullYear() < 2000",
	},
	{
		"getMonth", "timestamp.getMonth([zone])",
		"the month, from 0",
		"contact.birthdate.getMonth() == now.getMonth()",
	},
	{
		"getDayOfYear", "timestamp.getDayOfYear([zone])",
		"the day of the year, from 0",
		"now.getDayOfYear() == 0",
	},
	{
		"getDayOfMonth", "timestamp.getDayOfMonth([zone])",
		"the day of the month, from 0",
		"now.getDayOfMonth() == 0",
	},
	{
		"getDate", "timestamp.getDate([zone])",
		"the day of the month, from 1",
		"contact.birthdate.getDate() == now.getDate()",
	},
	{
		"getDayOfWeek", "timestamp.getDayOfWeek([zone])",
		"the day of the week, 0 is Sunday",
		`now.getDayOfWeek("Europe/Berlin") == 1`,
	},
	{
		"getHours", "timestamp.getHours([zone]), duration.getHours()",
		"the hour of the day; of a duration all its hours",
		`now.getHours("Europe/Berlin") >= 9`,
	},
	{
		"getMinutes", "timestamp.getMinutes([zone]), duration.getMinutes()",
		"the minute of the hour; of a duration all its minutes",
		"(now - contact.customer_since).getMinutes() > 90",
	},
	{
		"getSeconds", "timestamp.getSeconds([zone]), duration.getSeconds()",
		"the second of the minute; of a duration all its seconds",
		"contact.customer_since.getSeconds() == 0",
	},
	{
		"getMilliseconds", "timestamp.getMilliseconds([zone]), duration.getMilliseconds()",
		"the millisecond of the second; of a duration all its milliseconds",
		"contact.customer_since.getMilliseconds() == 0",
	},
	{
		"contains", "string.contains(string)",
		"the text occurs",
		`contact.state.contains("N")`,
	},
	{
		"startsWith", "string.startsWith(string)",
		"begins with",
		`contact.state.startsWith("N")`,
	},
	{
		"endsWith", "string.endsWith(string)",
		"ends with",
		`contact.state.endsWith("D")`,
	},
	{
		"matches", "string.matches(pattern)",
		"the RE2 pattern is found",
		`contact.state.matches("^N[DE]$")`,
	},
	{
		"lowerAscii, upperAscii", "string.lowerAscii()",
		"ASCII letters in lower, upper case",
		`contact.state.lowerAscii() == "nd"`,
	},
	{
		"trim", "string.trim()",
		"without white space at both ends",
		`contact.state.trim() == "ND"`,
	},
	{
		"charAt", "string.charAt(int)",
		"the character at a position, from 0",
		`contact.state.charAt(0) == "N"`,
	},
	{
		"indexOf, lastIndexOf", "string.indexOf(string[, int])",
		"the position of the first, last occurrence; -1 if there is none",
		`contact.state.indexOf("D") == 1`,
	},
	{
		"substring", "string.substring(int[, int])",
		"the part from a position up to, not including, another",
		`contact.state.substring(0, 1) == "N"`,
	},
	{
		"replace", "string.replace(string, string[, int])",
		"with occurrences of one text replaced by another",
		`contact.state.replace("N", "M") == "MD"`,
	},
	{
		"split", "string.split(string[, int])",
		"the parts between a separator",
		`contact.state.split(",").size() == 1`,
	},
	{
		"join", "list(string).join([string])",
		"the texts one after the other, with a separator",
		`contact.tags.join(",") == "a,b"`,
	},
	{
		"reverse", "string.reverse()",
		"the characters in reverse order",
		`contact.state.reverse() == "DN"`,
	},
	{
		"format", "string.format(list)",
		"with %s, %d, %f, %e, %b, %x, %o replaced by the values",
		`"%s-%d".format([contact.state, contact.score]) == "ND-5"`,
	},
	{
		"strings.quote", "strings.quote(string)",
		"in double quotes, with escapes",
		`strings.quote(contact.state) == "\"ND\""`,
	},
}
