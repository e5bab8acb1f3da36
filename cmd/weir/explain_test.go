package main

import (
	"encoding/json"
	goflag "flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = goflag.Bool("update", false, "write the expected results of testdata anew")

// measured is a time that weir explain has measured.
var measured = regexp.MustCompile(`(?m)^  [0-9.]+(ns|µs|ms)`)

// TestExplainPrints compares the plans of some of the demo's definitions, and why contacts are in segments, with
// testdata/explain.txt.
func TestExplainPrints(t *testing.T) {
	input := filepath.Join("testdata", "explain.jsonl")
	why := func(name, id, at string) []string {
		return []string{"explain", name, "--catalog", "demo", "--input", input, "--id", id, "--at", at}
	}
	var b strings.Builder
	for _, args := range [][]string{
		{"explain", "vip", "--catalog", "demo"},
		{"explain", "looks-at-prices", "--catalog", "demo"},
		{"explain", "quick-clickers", "--catalog", "demo"},
		{"explain", "university-mail", "--catalog", "demo"},
		{"explain", "became-opportunity", "--catalog", "demo"},
		{"explain", "became-vip", "--catalog", "demo"},
		{"explain", "form-but-no-purchase", "--catalog", "demo"},
		{"explain", "people-of-large-accounts", "--catalog", "demo"},
		{"explain", "valuable-accounts", "--catalog", "demo"},
		{"explain", "deal-at-valuable-account", "--catalog", "demo"},
		why("looks-at-prices", "c-1", "2026-03-01T10:00:03Z"),
		why("looks-at-prices", "c-1", "2026-03-01T10:00:05Z"),
		why("looks-at-prices", "c-1", "2026-03-01T10:00:20Z"),
		why("vip-at-risk", "c-1", "2026-03-01T10:00:05Z"),
		why("sixty-plus", "c-1", "2026-07-14"),
		why("sixty-plus", "c-1", "2026-07-15"),
		why("software-customers", "c-1", "2026-03-01T10:00:06Z"),
		why("software-customers", "c-1", "2026-03-01T10:00:07Z"),
		why("valuable-accounts", "a-1", "2026-03-01T10:00:08Z"),
	} {
		r := weir(t, nil, args...)
		if r.code != exitOK || r.stderr != "" {
			t.Errorf("weir %v: status %d, %s", args, r.code, r.stderr)
		}
		b.WriteString("$ weir " + strings.Join(args, " ") + "\n" + measured.ReplaceAllString(r.stdout, "  TIME") + "\n")
	}
	const file = "testdata/explain.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%s", b.String())
	}
}

func TestExplainAsJSON(t *testing.T) {
	r := weir(t, nil, "explain", "browsing-now", "--catalog", "demo", "--format", "json")
	var plan struct {
		Name    string
		History []struct{ Event, Needs, Kept string }
		Cost    struct{ Measured []struct{ Nanoseconds int64 } }
	}
	if err := json.Unmarshal([]byte(r.stdout), &plan); err != nil || r.code != exitOK {
		t.Fatalf("status %d, %v\n%s%s", r.code, err, r.stdout, r.stderr)
	}
	if plan.Name != "browsing-now" || len(plan.History) != 1 || plan.History[0].Needs != "15s" ||
		plan.History[0].Kept != "7d" || len(plan.Cost.Measured) != 3 {
		t.Errorf("%+v", plan)
	}
	r = weir(t, nil, "explain", "vip", "--catalog", "demo", "--format", "json", "--input", "testdata/explain.jsonl",
		"--id", "c-1")
	var why struct {
		Member    bool
		Since     string
		Condition struct{ Result string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &why); err != nil || r.code != exitOK {
		t.Fatalf("status %d, %v\n%s%s", r.code, err, r.stdout, r.stderr)
	}
	if !why.Member || why.Since != "2026-03-01T10:00:00Z" || why.Condition.Result != "true" {
		t.Errorf("%+v", why)
	}
}

// Who the input does not name, and lines that are refused, are told of.
func TestExplainWhyOfNobody(t *testing.T) {
	r := weir(t, nil, "explain", "vip", "--catalog", "demo", "--input", "testdata/explain.jsonl", "--id", "c-9")
	if r.code != exitError || !strings.Contains(r.stderr, "tells nothing of this contact") {
		t.Errorf("status %d, %s", r.code, r.stderr)
	}
	input := write(t, "bad.jsonl", `{"at":"2026-03-01T10:00:00Z","topic":"crm.public.contact","value":{"op":"x"}}`+"\n")
	r = weir(t, nil, "explain", "vip", "--catalog", "demo", "--input", input, "--id", "c-1")
	if r.code != exitError || !strings.Contains(r.stderr, "1 line refused") {
		t.Errorf("status %d, %s", r.code, r.stderr)
	}
}
