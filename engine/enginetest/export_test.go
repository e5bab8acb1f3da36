package enginetest

import (
	"testing"

	"github.com/weirstream/weir/operators/catalog"
)

// CatalogOf returns the catalog that a script is about.
func CatalogOf(t *testing.T, l *Library, script string) *catalog.Catalog {
	t.Helper()
	s, err := l.Parse("a.weir", []byte(script))
	if err != nil {
		t.Fatal(err)
	}
	return s.catalog
}
