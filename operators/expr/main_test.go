package expr_test

import (
	"flag"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("rapid.nofailfile", "true"); err != nil { // the seed that rapid prints is enough
		panic(err)
	}
	os.Exit(m.Run())
}
