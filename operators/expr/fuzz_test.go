package expr_test

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weirstream/weir/state/row"
)

// FuzzCompile compiles any text: it must be refused with problems, or agree with the oracle on random data.
func FuzzCompile(f *testing.F) {
	file, err := os.Open("testdata/conditions.txt")
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 2 && fields[0] != "#" {
			f.Add(strings.Join(fields[2:], " "), 1)
		}
	}
	for _, hostile := range []string{
		"", "(", "'", "\x00", "contact", "now", "[[[[", "a.b.c.d", "1 / 0 == 1", "[].exists(x, x)", "null < null",
		"[1, null].exists(x, x == null)", "opened[0].n == 1", "now + (now - now) == now", `timestamp("x") < now`,
		"[now, contact.t].exists(x, [x + duration('1s')].exists(y, y > ago('1mo')))", "true ? null : 1 == 2",
	} {
		f.Add(hostile, 2)
	}
	ps := pairs(f)
	f.Fuzz(func(t *testing.T, source string, seed int) {
		for _, p := range ps {
			program, problems := p.env.Compile(source)
			if program == nil {
				if len(problems) == 0 {
					t.Fatalf("refused without a problem: %q", source)
				}
				continue
			}
			if strings.Count(source, ".") > 40 || len(source) > 400 {
				continue // nested macros take their time
			}
			condition, err := p.oracle.Compile(source)
			if err != nil {
				t.Fatalf("accepted, but not by the oracle: %v: %q", err, source)
			}
			now := at("2024-02-29T12:00:00Z") + row.Instant(time.Duration(seed)*time.Second)
			fault := rapid.Custom(func(t *rapid.T) string {
				d := drawData(t, now, p.scope)
				return check(program.Eval, condition, d, now, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "probe") })
			}).Example(seed)
			if fault != "" {
				t.Fatalf("%s\n%s: %s", fault, p.name, source)
			}
		}
	})
}
