package decode

import (
	"encoding/base64"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// decimal is an unscaled number and how many of its digits stand behind the point.
type decimal struct {
	small int64    // the number if large is nil
	large *big.Int // beyond 64 bits
	scale int
}

// The bounds of a decimal: PostgreSQL's numeric has at most 131072 digits before the point and 16383 behind it.
const (
	decimalBytesMax = 1 << 16
	scaleMax        = 1 << 15
)

// decimalOf reads base64 of a big-endian two's-complement number, as Debezium sends a decimal in precise mode.
func decimalOf(encoded string, scale int) (decimal, bool) {
	if len(encoded) > decimalBytesMax || scale > scaleMax || scale < -scaleMax {
		return decimal{}, false
	}
	var stack [64]byte
	raw, err := base64.StdEncoding.AppendDecode(stack[:0], []byte(encoded))
	if err != nil || len(raw) == 0 {
		return decimal{}, false
	}
	if len(raw) <= 8 {
		v := int64(int8(raw[0]))
		for _, b := range raw[1:] {
			v = v<<8 | int64(b)
		}
		return decimal{small: v, scale: scale}, true
	}
	v := new(big.Int).SetBytes(raw)
	if raw[0]&0x80 != 0 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(len(raw))*8))
	}
	return decimal{large: v, scale: scale}, true
}

// String returns the number with exactly scale digits behind the point.
func (d decimal) String() string {
	var digits string
	if d.large != nil {
		digits = d.large.String()
	} else {
		digits = strconv.FormatInt(d.small, 10)
	}
	if d.scale == 0 {
		return digits
	}
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	if d.scale < 0 {
		if digits == "0" {
			return digits
		}
		return sign + digits + strings.Repeat("0", -d.scale)
	}
	if missing := d.scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - d.scale
	return sign + digits[:point] + "." + digits[point:]
}

// powerMax is the largest power of ten that a float64 holds exactly.
const powerMax = 22

// float returns the float64 that is nearest to d.
func (d decimal) float() (float64, bool) {
	if d.large == nil && d.small <= exactMax && d.small >= -exactMax && d.scale >= 0 && d.scale <= powerMax {
		return float64(d.small) / powers[d.scale], true
	}
	f, err := strconv.ParseFloat(d.String(), 64)
	return f, err == nil
}

// int returns d as a whole number, if it is one and an int64 holds it.
func (d decimal) int() (int64, bool) {
	if d.large == nil && d.scale == 0 {
		return d.small, true
	}
	return whole([]byte(d.String()))
}

var powers = func() (p [powerMax + 1]float64) {
	for i := range p {
		p[i] = math.Pow10(i)
	}
	return p
}()
