package enginetest_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

// TestNobodyFlaps lets an opportunity come and go while everything else stays. Partitions may pass over what was for a
// moment, but nobody may enter a segment more often than with one partition: an image of the opportunity that comes by
// the home of its account, later than its deletion did by its own home, must not bring it back.
func TestNobodyFlaps(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	runs := 150
	if testing.Short() {
		runs = 50
	}
	if text := os.Getenv("WEIR_FLAP_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
		runs = 1
	}
	for i := range runs {
		seed := seed + uint64(i)
		if !t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { nobodyFlaps(t, seed) }) {
			return
		}
	}
}

func nobodyFlaps(t *testing.T, seed uint64) {
	c, err := catalog.Load("testdata/links.yaml")
	check(t, err)
	r := rand.New(rand.NewPCG(seed, 11))
	still, life := drawLife(c, r)
	alone := newNet(t, c, 1, r)
	shared := newNet(t, c, int32(2+r.IntN(6)), r)
	for _, n := range []*net{alone, shared} {
		n.calm = true
		for _, changes := range [][]engine.Change{still, life} {
			for i := range changes {
				n.enqueue(&changes[i])
			}
			n.run()
		}
	}
	for k, enters := range shared.enters {
		if enters > alone.enters[k] {
			t.Errorf("%d partitions: %s entered %d times, alone %d", len(shared.tasks), k, enters, alone.enters[k])
		}
	}
	for _, f := range shared.faults {
		t.Error(f)
	}
}

// drawLife draws accounts and contacts that stay as they are, and what becomes of an opportunity.
func drawLife(c *catalog.Catalog, r *rand.Rand) (still, life []engine.Change) {
	change := func(table, key string, fields map[string]string, revenue int) engine.Change {
		s := c.Table(table).Schema
		out := engine.Change{Kind: engine.Upsert, Table: table, Schema: s, Key: key, Row: make(row.Row, len(s.Fields)),
			Origin: engine.Origin{Topic: table}}
		fields["id"] = key
		for name, v := range fields {
			if i, ok := s.Field(name); ok {
				out.Row[i] = row.OfString(v)
			}
		}
		if i, ok := s.Field("revenue"); ok {
			out.Row[i] = row.OfInt(int64(revenue))
		}
		return out
	}
	for i := range 3 {
		still = append(still, change("account", fmt.Sprint("a", i), map[string]string{}, 0))
	}
	for i := range 6 {
		account := fmt.Sprint("a", r.IntN(3))
		still = append(still, change("contact", fmt.Sprint("c", i), map[string]string{"account_id": account}, 0))
	}
	contact, account := fmt.Sprint("c", r.IntN(6)), fmt.Sprint("a", r.IntN(3))
	for i := range 1 + r.IntN(3) {
		life = append(life, change("opportunity", "o0", map[string]string{"contact_id": contact, "account_id": account,
			"status": "won"}, 101+i))
	}
	gone := life[0]
	gone.Kind, gone.Row = engine.Delete, nil
	return still, append(life, gone)
}
