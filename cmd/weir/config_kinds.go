package main

import (
	"fmt"
	"log/slog"
	"math"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bytes is a number of bytes. Users write 64MiB, 1GiB, 512KiB, 10MB or a plain number.
type Bytes int64

const (
	kib Bytes = 1 << 10
	mib Bytes = 1 << 20
	gib Bytes = 1 << 30
)

// byteUnits are the units of Bytes; the first that divides a number is the one to print it in.
var byteUnits = []struct {
	name string
	size Bytes
}{
	{"TiB", 1 << 40}, {"GiB", gib}, {"MiB", mib}, {"KiB", kib},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

// String writes b in the largest binary unit that divides it.
func (b Bytes) String() string {
	for _, u := range byteUnits[:4] {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// parseBytes reads what String writes, and decimal units.
func parseBytes(text string) (Bytes, error) {
	number, unit := text, Bytes(1)
	for _, u := range byteUnits {
		if n, ok := cutSuffixFold(text, u.name); ok {
			number, unit = strings.TrimSpace(n), u.size
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(unit) {
		return 0, fmt.Errorf("%q is not a number of bytes; write it like 64MiB", text)
	}
	return Bytes(n) * unit, nil
}

func cutSuffixFold(s, suffix string) (string, bool) {
	if cut := len(s) - len(suffix); cut > 0 && strings.EqualFold(s[cut:], suffix) {
		return s[:cut], true
	}
	return s, false
}

// text is a setting of free text; check, where given, judges values that are not empty.
func text(key, value, def, doc string, field func(*Settings) *string, check func(string) error) setting {
	return setting{
		key: key, value: value, def: def, doc: doc,
		parse: func(s *Settings, text string) error { *field(s) = text; return nil },
		show:  func(s *Settings) string { return *field(s) },
		check: func(s *Settings) error {
			if v := *field(s); v != "" && check != nil {
				return check(v)
			}
			return nil
		},
	}
}

// none lets "none" stand for the empty text, where the default is not empty.
func (d setting) none() setting {
	parse, show := d.parse, d.show
	d.parse = func(s *Settings, text string) error {
		if text == "none" {
			text = ""
		}
		return parse(s, text)
	}
	d.show = func(s *Settings) string {
		if v := show(s); v != "" {
			return v
		}
		return "none"
	}
	return d
}

// hidden marks a setting whose value is never printed.
func (d setting) hidden() setting {
	d.secret = true
	return d
}

// list is a setting of texts separated by commas.
func list(key, value, def, doc string, field func(*Settings) *[]string, check func(string) error) setting {
	return setting{
		key: key, value: value, def: def, doc: doc,
		parse: func(s *Settings, text string) error {
			*field(s) = nil
			for item := range strings.SplitSeq(text, ",") {
				if item = strings.TrimSpace(item); item != "" {
					*field(s) = append(*field(s), item)
				}
			}
			return nil
		},
		show: func(s *Settings) string { return strings.Join(*field(s), ",") },
		check: func(s *Settings) error {
			for _, item := range *field(s) {
				if err := check(item); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// choice is a setting with a few possible values.
func choice(key, def, doc string, of []string, field func(*Settings) *string) setting {
	return text(key, strings.Join(of, "|"), def, doc, field, func(v string) error { return oneOf(v, of) })
}

func oneOf(v string, of []string) error {
	if slices.Contains(of, v) {
		return nil
	}
	return fmt.Errorf("%q is not one of %s%s", v, strings.Join(of, ", "), didYouMean(v, of, ""))
}

// trueFalse is the value of settings that are true or false.
const trueFalse = "true|false"

// flag is a setting that is true or false.
func flag(key, def, doc string, field func(*Settings) *bool) setting {
	return setting{
		key: key, value: trueFalse, def: def, doc: doc,
		parse: func(s *Settings, text string) (err error) {
			if *field(s), err = strconv.ParseBool(text); err != nil {
				return fmt.Errorf("%q is neither true nor false", text)
			}
			return nil
		},
		show:  func(s *Settings) string { return strconv.FormatBool(*field(s)) },
		check: func(*Settings) error { return nil },
	}
}

// whole is a setting that is a whole number from low to high.
func whole[N int | int16 | int32](key, def, doc string, low, high N, field func(*Settings) *N) setting {
	return setting{
		key: key, value: "NUMBER", def: def, doc: doc,
		parse: func(s *Settings, text string) error {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return fmt.Errorf("%q is not a whole number", text)
			}
			if n < int64(low) || n > int64(high) {
				return fmt.Errorf("%d is not from %d to %d", n, low, high)
			}
			*field(s) = N(n)
			return nil
		},
		show:  func(s *Settings) string { return strconv.FormatInt(int64(*field(s)), 10) },
		check: func(s *Settings) error { return between(*field(s), low, high) },
	}
}

// size is a setting that is a number of bytes from low to high.
func size(key, def, doc string, low, high Bytes, field func(*Settings) *Bytes) setting {
	return setting{
		key: key, value: "BYTES", def: def, doc: doc,
		parse: func(s *Settings, text string) (err error) { *field(s), err = parseBytes(text); return err },
		show:  func(s *Settings) string { return field(s).String() },
		check: func(s *Settings) error { return between(*field(s), low, high) },
	}
}

// span is a setting that is a duration from low to high.
func span(key, def, doc string, low, high time.Duration, field func(*Settings) *time.Duration) setting {
	return setting{
		key: key, value: "DURATION", def: def, doc: doc,
		parse: func(s *Settings, text string) (err error) {
			if *field(s), err = time.ParseDuration(text); err != nil {
				return fmt.Errorf("%q is not a duration; write it like 10s or 2m", text)
			}
			return nil
		},
		show:  func(s *Settings) string { return field(s).String() },
		check: func(s *Settings) error { return between(*field(s), low, high) },
	}
}

func between[T int | int16 | int32 | Bytes | time.Duration](v, low, high T) error {
	if v < low || v > high {
		return fmt.Errorf("%v is not from %v to %v", v, low, high)
	}
	return nil
}

// level is the setting of the log level.
func level(key, def, doc string) setting {
	levels := []string{"debug", "info", "warn", "error"}
	return setting{
		key: key, value: strings.Join(levels, "|"), def: def, doc: doc,
		parse: func(s *Settings, text string) error {
			if err := oneOf(text, levels); err != nil {
				return err
			}
			return s.LogLevel.UnmarshalText([]byte(text))
		},
		show:  func(s *Settings) string { return strings.ToLower(s.LogLevel.String()) },
		check: func(s *Settings) error { return between(int(s.LogLevel), int(slog.LevelDebug), int(slog.LevelError)) },
	}
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,100}$`)

func checkTopicName(v string) error {
	if !topicName.MatchString(v) || strings.Trim(v, ".") == "" {
		return fmt.Errorf("%q must be 1 to 100 letters, digits, dots, dashes or underscores, as names of topics are", v)
	}
	return nil
}

func checkMechanism(v string) error {
	return oneOf(v, []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})
}

func checkHostPorts(v string) error {
	host, port, err := net.SplitHostPort(v)
	if err != nil || host == "" || !isPort(port, 1) {
		return fmt.Errorf("%q is not HOST:PORT", v)
	}
	return nil
}

func checkListen(v string) error {
	_, err := isLoopback(v)
	return err
}

// isLoopback tells whether the address HOST:PORT can be reached from this machine only.
func isLoopback(addr string) (bool, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || !isPort(port, 0) {
		return false, fmt.Errorf("%q is not HOST:PORT", addr)
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback(), nil
}

func isPort(port string, lowest int64) bool {
	n, err := strconv.ParseInt(port, 10, 32)
	return err == nil && n >= lowest && n <= math.MaxUint16
}
