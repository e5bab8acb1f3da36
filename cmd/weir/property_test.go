package main

import (
	"errors"
	goflag "flag"
	"os"
	"testing"

	"pgregory.net/rapid"
)

// propertyChecks is how many histories a run draws unless WEIR_PROPERTY_CHECKS says otherwise.
const (
	propertyChecks = "600"
	propertyShort  = "120" // with -short
)

// TestProperty draws catalogs and histories and compares what the engine says with cel-go's interpreter on the full
// data, at every change and at many instants in between; then it runs each history again, cut into other epochs,
// restarted, restored and crashed, and compares the outputs to the byte, and in several partitions, where for each
// subject the same must come out. Nothing may be left that nothing needs. rapid prints the seed of a failure.
func TestProperty(t *testing.T) {
	checks := os.Getenv("WEIR_PROPERTY_CHECKS")
	if checks == "" {
		checks = propertyChecks
		if testing.Short() {
			checks = propertyShort
		}
	}
	if err := goflag.Set("rapid.checks", checks); err != nil {
		t.Fatal(err)
	}
	refused, all, deltas, led := 0, 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		err := w.check(fault{})
		all++
		switch {
		case errors.Is(err, errUnfit):
			refused++
			t.Log(err)
		case err != nil:
			t.Fatalf("%v\n%s", err, w)
		}
		deltas += w.deltas
		led += w.led
	})
	t.Logf("%d histories, %d of them with a catalog that is refused, %d outputs, %d of them by links",
		all, refused, deltas, led)
	if refused*2 > all || deltas < all || led*2 < all {
		t.Error("most histories show nothing: the draw is no good")
	}
}
