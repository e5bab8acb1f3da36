package decode

import (
	"math"
	"strconv"
)

// integer reads a whole decimal number without fraction and exponent, exactly.
func integer(s []byte) (int64, bool) {
	digits, negative := s, false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		digits, negative = s[1:], s[0] == '-'
	}
	if len(digits) == 0 {
		return 0, false
	}
	var v uint64
	for _, c := range digits {
		d := uint64(c - '0')
		if d > 9 || v > (math.MaxUint64-9)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	switch {
	case negative && v <= 1<<63:
		return -int64(v), true
	case !negative && v < 1<<63:
		return int64(v), true
	}
	return 0, false
}

// whole reads a decimal number that may have a fraction or an exponent, but whose value is a whole number.
func whole(s []byte) (v int64, ok bool) {
	for i, c := range s {
		if c != '.' {
			continue
		}
		for _, d := range s[i+1:] {
			if d != '0' {
				return byFloat(s)
			}
		}
		return integer(s[:i])
	}
	if v, ok = integer(s); ok {
		return v, true
	}
	return byFloat(s)
}

// byFloat reads a number with an exponent: whole as far as a float64 tells.
func byFloat(s []byte) (int64, bool) {
	exponent := false
	for _, c := range s {
		exponent = exponent || c|0x20 == 'e'
	}
	f, err := strconv.ParseFloat(view(s), 64)
	if !exponent || err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// exactMax is the number up to which every whole number is a float64.
const exactMax = 1 << 53

// float reads a JSON number as a float64; too large a number is refused.
func float(s []byte) (float64, bool) {
	if len(s) < 17 {
		if v, ok := integer(s); ok && v != 0 && v <= exactMax && v >= -exactMax {
			return float64(v), true
		}
	}
	f, err := strconv.ParseFloat(view(s), 64)
	return f, err == nil
}

// isDecimal tells whether s is written as a decimal number: a sign, digits with at most one point, an exponent.
func isDecimal(s string) bool {
	i, digits := 0, 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	point := false
	for ; i < len(s); i++ {
		switch {
		case s[i]-'0' <= 9:
			digits++
		case s[i] == '.' && !point:
			point = true
		case s[i]|0x20 == 'e' && digits > 0:
			_, ok := integer([]byte(s[i+1:]))
			return ok
		default:
			return false
		}
	}
	return digits > 0
}
