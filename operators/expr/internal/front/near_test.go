package front

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"contact", "state", "score", "email_opened", "n"}
	for name, want := range map[string]string{
		"contct": `"contact"`, "stat": `"state"`, "opened": `"email_opened"`, "zzz": "", "x": "", "SCORE": `"score"`,
	} {
		if got := Nearest(name, names); got != want {
			t.Errorf("near %s is %s, not %s", name, got, want)
		}
	}
}
