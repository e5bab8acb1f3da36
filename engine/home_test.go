package engine

import "testing"

// The hashes are those of org.apache.kafka.common.utils.UtilsTest: records must land where Java clients look for them.
func TestMurmur2IsKafkas(t *testing.T) {
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		if got := int32(murmur2(key)); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", key, got, want)
		}
	}
}

func TestHomeIsAPartition(t *testing.T) {
	for _, n := range []int32{1, 3, 64} {
		for _, key := range []string{"", "c-1", "foobar", "\x00\xff"} {
			if p := Home(key, n); p < 0 || p >= n {
				t.Errorf("Home(%q, %d) = %d", key, n, p)
			}
		}
	}
}
