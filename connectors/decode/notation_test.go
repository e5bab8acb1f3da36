package decode

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	cases := []struct{ in, timestamp, date string }{
		{"2024-02-29T12:34:56Z", "2024-02-29T12:34:56Z", "2024-02-29T00:00:00Z"},
		{"2024-02-29T12:34:56.123456789Z", "2024-02-29T12:34:56.123456789Z", "2024-02-29T00:00:00Z"},
		{"2024-02-29T12:34:56.1234567891Z", "2024-02-29T12:34:56.123456789Z", "2024-02-29T00:00:00Z"},
		{"2024-02-29t12:34:56z", "2024-02-29T12:34:56Z", "2024-02-29T00:00:00Z"},
		{"2024-03-01T00:30:00+02:00", "2024-02-29T22:30:00Z", "2024-03-01T00:00:00Z"},
		{"2024-03-01T00:30:00-0530", "2024-03-01T06:00:00Z", "2024-03-01T00:00:00Z"},
		{"2024-03-01 00:30:00+02", "2024-02-29T22:30:00Z", "2024-03-01T00:00:00Z"},
		{"2024-03-01 00:30:00.5", "2024-03-01T00:30:00.5Z", "2024-03-01T00:00:00Z"},
		{"2024-03-01T00:30", "2024-03-01T00:30:00Z", "2024-03-01T00:00:00Z"},
		{"1985-12-10", "1985-12-10T00:00:00Z", "1985-12-10T00:00:00Z"},
		{"1985-12-10Z", "1985-12-10T00:00:00Z", "1985-12-10T00:00:00Z"},
		{"0001-01-01", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z", "9999-12-31T00:00:00Z"},
		{"+5877611-06-21Z", "9999-12-31T23:59:59.999999999Z", "9999-12-31T00:00:00Z"},
		{"+292278994-08-17T07:12:55.807Z", "9999-12-31T23:59:59.999999999Z", "9999-12-31T00:00:00Z"},
		{"-4713-11-24Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"0000-02-29", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
	}
	for _, c := range cases {
		for _, date := range []bool{false, true} {
			want := c.timestamp
			if date {
				want = c.date
			}
			got, ok := parseTime(c.in, date)
			if !ok || fact(got) != want {
				t.Errorf("parseTime(%q, %v) = %s, %v, want %s", c.in, date, fact(got), ok, want)
			}
		}
	}
	for _, s := range []string{
		"", "2024", "2024-02", "2024-02-30", "2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-1-1", "24-01-01",
		"2024-01-01T", "2024-01-01T24:00:00Z", "2024-01-01T12:60:00Z", "2024-01-01T12:00:60Z", "2024-01-01T12:00:00.Z",
		"2024-01-01T12:00:00+24:00", "2024-01-01T12:00:00+1", "2024-01-01T12:00:00ZZ", "2024-01-01x", "12024-01-01",
		"+9999999999-01-01", "2024/01/01", "now", "infinity", "2024-01-01T12", "2024-01-01T12:0", "٢٠٢٤-01-01",
	} {
		if v, ok := parseTime(s, false); ok {
			t.Errorf("parseTime(%q) = %s, want a refusal", s, fact(v))
		}
	}
}

// TestParseTimeAgreesWithTime compares random times of the years 1 to 9999 with package time.
func TestParseTimeAgreesWithTime(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		at := time.Unix(secondsMin+r.Int64N(secondsMax-secondsMin), r.Int64N(1e9)).UTC()
		text := at.In(time.FixedZone("", r.IntN(86400)/60*60-43200)).Format(time.RFC3339Nano)
		want, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			continue // a year that the zone moves out of what RFC 3339 can write
		}
		got, ok := parseTime(text, false)
		if !ok || !got.Time().Equal(want) {
			t.Fatalf("seed %d: parseTime(%q) = %s, %v", seed, text, fact(got), ok)
		}
	}
}

func TestNumbersAsTimes(t *testing.T) {
	const infinity = "9999-12-31T23:59:59.999999999Z"
	cases := []struct {
		n    int64
		u    unit
		date bool
		want string
	}{
		{1706781600, epoch, false, "2024-02-01T10:00:00Z"},
		{1706781600500, epoch, false, "2024-02-01T10:00:00.5Z"},
		{1706781600500000, epoch, false, "2024-02-01T10:00:00.5Z"},
		{1706781600500000001, epoch, false, "2024-02-01T10:00:00.500000001Z"},
		{-1, epoch, false, "1969-12-31T23:59:59Z"},
		{0, epoch, false, "1970-01-01T00:00:00Z"},
		{1706781600500, unknown, false, "2024-02-01T10:00:00.5Z"},
		{1706781600500000, unknown, false, "2024-02-01T10:00:00.5Z"},
		{1706781600500000001, unknown, false, "2024-02-01T10:00:00.500000001Z"},
		{1000, unknown, false, "1970-01-01T00:00:01Z"},
		{-1500, unknown, false, "1969-12-31T23:59:58.5Z"},
		{-2208988800000000, unknown, false, "1900-01-01T00:00:00Z"},
		{math.MaxInt64, unknown, false, infinity},
		{math.MinInt64, unknown, false, "0001-01-01T00:00:00Z"},
		{9223372036825200000, micros, false, infinity},
		{-9223372036832400000, micros, false, "0001-01-01T00:00:00Z"},
		{9223371331200000000, nanos, false, "2262-04-11T23:35:31.2Z"},
		{5822, unknown, true, "1985-12-10T00:00:00Z"},
		{-719162, unknown, true, "0001-01-01T00:00:00Z"},
		{2146033979, unknown, true, "9999-12-31T00:00:00Z"},
		{-2147483648, unknown, true, "0001-01-01T00:00:00Z"},
		{5822, epoch, true, "1985-12-10T00:00:00Z"},
		{1706781600, epoch, true, "2024-02-01T00:00:00Z"},
		{1706781600500, unknown, true, "2024-02-01T00:00:00Z"},
		{5822, days, false, "1985-12-10T00:00:00Z"},
		{math.MaxInt64, days, false, infinity},
		{1000, millis, false, "1970-01-01T00:00:01Z"},
		{1000, micros, false, "1970-01-01T00:00:00.001Z"},
		{1000, nanos, false, "1970-01-01T00:00:00.000001Z"},
	}
	for _, c := range cases {
		if got := fact(timeOf(c.n, c.u, c.date)); got != c.want {
			t.Errorf("timeOf(%d, %d, %v) = %s, want %s", c.n, c.u, c.date, got, c.want)
		}
	}
}

// TestThresholds holds what the comment on the thresholds promises.
func TestThresholds(t *testing.T) {
	for _, at := range []string{
		"1653-02-11T00:00:00Z", "1900-01-01T00:00:00Z", "1969-09-01T00:00:00Z", "1970-05-01T00:00:00Z",
		"2001-09-09T01:46:39Z",
		"2100-12-31T23:59:59Z", "2286-11-20T00:00:00Z",
	} {
		when, _ := time.Parse(time.RFC3339, at)
		s := when.Unix()
		for _, n := range []int64{s, s * 1e3, s * 1e6} {
			if got := fact(timeOf(n, epoch, false)); got != at {
				t.Errorf("epoch number for %s is read as %s", at, got)
			}
			if got := fact(timeOf(n, unknown, false)); n != s && got != at {
				t.Errorf("Debezium's number for %s is read as %s", at, got)
			}
		}
		if s > -9e9 && s < 9e9 {
			if got := fact(timeOf(s*1e9, unknown, false)); got != at {
				t.Errorf("nanoseconds for %s are read as %s", at, got)
			}
		}
	}
}

func TestDecimals(t *testing.T) {
	cases := []struct {
		encoded string
		scale   int
		text    string
	}{
		{"B1vNFQ==", 2, "1234567.89"}, {"A+g=", 0, "1000"}, {"Cg==", 2, "0.10"}, {"/w==", 2, "-0.01"}, {"AA==", 0, "0"},
		{"AA==", 3, "0.000"}, {"Ixap6bMghg==", 2, "98765432109876.54"}, {"AQ==", -3, "1000"}, {"AA==", -3, "0"},
		{"XODppWAV/sWq36MorjmBFQ==", 9, "123456789012345678901234567890.123456789"},
	}
	for _, c := range cases {
		d, ok := decimalOf(c.encoded, c.scale)
		if !ok || d.String() != c.text {
			t.Errorf("decimalOf(%q, %d) = %s, %v, want %s", c.encoded, c.scale, d, ok, c.text)
		}
	}
	for _, s := range []string{"", "=", "A", "A+g", "hello world"} {
		if _, ok := decimalOf(s, 0); ok {
			t.Errorf("decimalOf(%q) is taken", s)
		}
	}
}

// TestDecimalsAgreeWithBig writes random numbers as Java's BigInteger does and compares with math/big.
func TestDecimalsAgreeWithBig(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		raw := make([]byte, 1+r.IntN(20))
		for i := range raw {
			raw[i] = byte(r.Uint32())
		}
		want := new(big.Int).SetBytes(raw)
		if raw[0] >= 0x80 {
			want.Sub(want, new(big.Int).Lsh(big.NewInt(1), uint(8*len(raw))))
		}
		scale := r.IntN(30)
		d, ok := decimalOf(base64.StdEncoding.EncodeToString(raw), scale)
		if !ok {
			t.Fatalf("seed %d: refused", seed)
		}
		exact := new(big.Rat).SetFrac(want, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
		if got, _ := new(big.Rat).SetString(d.String()); got.Cmp(exact) != 0 {
			t.Fatalf("seed %d: %s, want %s", seed, d, exact)
		}
		nearest, _ := exact.Float64()
		if f, ok := d.float(); !ok || f != nearest {
			t.Fatalf("seed %d: %s as float64 is %v, want %v", seed, d, f, nearest)
		}
		if v, ok := d.int(); ok != (exact.IsInt() && exact.Num().IsInt64()) || ok && v != exact.Num().Int64() {
			t.Fatalf("seed %d: %s as int64 is %v, %v", seed, d, v, ok)
		}
	}
}

func TestWholeNumbers(t *testing.T) {
	cases := []struct {
		in   string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"-0", 0, true}, {"12", 12, true}, {"12.0", 12, true}, {"12.000", 12, true}, {"1e3", 1000, true},
		{"1.5e1", 15, true}, {"-3.0", -3, true}, {"9223372036854775807", math.MaxInt64, true},
		{"-9223372036854775808", math.MinInt64, true}, {"9223372036854775807.0", math.MaxInt64, true},
		{"9223372036854775808", 0, false}, {"-9223372036854775809", 0, false}, {"18446744073709551616", 0, false},
		{"12.5", 0, false}, {"12.0000000000000000000001", 0, false}, {"1e-3", 0, false}, {"1e19", 0, false},
		{"1e999", 0, false}, {"", 0, false}, {"-", 0, false}, {"1x", 0, false}, {"9007199254740993", 9007199254740993, true},
	}
	for _, c := range cases {
		if got, ok := whole([]byte(c.in)); ok != c.ok || ok && got != c.want {
			t.Errorf("whole(%q) = %d, %v, want %d, %v", c.in, got, ok, c.want, c.ok)
		}
	}
}

func TestFloatAgreesWithStrconv(t *testing.T) {
	for _, s := range []string{"0", "-0", "1", "-1", "0.1", "9007199254740992", "9007199254740993", "1e308", "5e-324"} {
		var want float64
		if _, err := fmt.Sscan(s, &want); err != nil {
			t.Fatal(err)
		}
		if got, ok := float([]byte(s)); !ok || math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("float(%q) = %v, %v", s, got, ok)
		}
	}
	if _, ok := float([]byte("1e999")); ok {
		t.Error("1e999 is taken")
	}
}

func TestPlaceholderForms(t *testing.T) {
	p := placeholderOf(DefaultUnavailableValue)
	bytes := "["
	for i := range len(DefaultUnavailableValue) {
		if i > 0 {
			bytes += ", "
		}
		bytes += fmt.Sprint(DefaultUnavailableValue[i])
	}
	bytes += "]"
	const w = `"__debezium_unavailable_value"`
	stands := []string{
		w, `"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="`, `[` + w + `]`, bytes, `{` + w + `:` + w + `}`,
		`["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="]`, `["` + p.words[2] + `"]`,
		`"{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"}"`,
	}
	others := []string{
		`[]`, `[` + w + `,"x"]`, `["x",` + w + `]`, `[95,95]`, `[[]]`, `[null]`, `{}`, `"x"`, `null`, `{` + w + `:1}`,
		`"` + p.words[2] + `"`, bytes[:len(bytes)-1] + `,1]`,
	}
	for i, src := range append(stands, others...) {
		var tp tape
		if !tp.scan([]byte(src), nil) {
			t.Fatal(src, tp.fault)
		}
		if got, want := p.is(&tp, 0), i < len(stands); got != want {
			t.Errorf("%s: %v, want %v", src, got, want)
		}
	}
	if want := "b68a35a7-17ad-35b3-af2a-ae46edb4545a"; p.words[2] != want { // Java's UUID.nameUUIDFromBytes
		t.Errorf("the UUID is %s, want %s", p.words[2], want)
	}
}
