package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestUsage shows that work and memory of this very process are found: it works until its time grows.
func TestUsage(t *testing.T) {
	before, err := UsageOf(os.Getpid())
	if err != nil {
		t.Logf("no /proc here: %v", err)
		return
	}
	sum := 0
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		for i := range 1_000_000 {
			sum += i
		}
		after, err := UsageOf(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after.CPU > before.CPU {
			if after.RSS < 1<<20 || after.PeakRSS < after.RSS/2 {
				t.Errorf("RSS %d, peak %d", after.RSS, after.PeakRSS)
			}
			return
		}
	}
	t.Errorf("no CPU time was found (%d)", sum)
}

// TestFolderBytes shows that files in folders of folders count.
func TestFolderBytes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b/c", "b/d/e"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, 100), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := FolderBytes(dir); err != nil || n != 300 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestWrite shows that the report's last line is JSON that gives the report back, and that the table leaves out
// phases that were not run.
func TestWrite(t *testing.T) {
	r := &Report{Command: "weir bench", Contacts: 10, Drain: &Phase{Records: 4, PerSecond: 1234.5, Memberships: 8,
		Latency: &Quantiles{Count: 3, P50: time.Millisecond}}}
	var out bytes.Buffer
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var back Report
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &back); err != nil {
		t.Fatal(err)
	}
	if back.Command != r.Command || back.Drain.PerSecond != 1234.5 || back.Rate != nil ||
		back.Drain.Latency.P50 != time.Millisecond {
		t.Errorf("the JSON line gives %+v", back)
	}
	table := strings.Join(lines[:len(lines)-1], "\n")
	if !strings.Contains(table, "drain") || strings.Contains(table, "\nrate") || !strings.Contains(table, "2.00") {
		t.Errorf("the table is\n%s", table)
	}
}
