package decode

import (
	"encoding/base64"
	"math"
	"math/big"
	"strconv"
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
	return decimalFrom(raw, scale)
}

// decimalFrom reads the same, not encoded.
func decimalFrom(raw []byte, scale int) (decimal, bool) {
	if len(raw) == 0 || len(raw) > decimalBytesMax || scale > scaleMax || scale < -scaleMax {
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
	var stack [48]byte
	return string(d.append(stack[:0]))
}

// append appends what String returns to dst.
func (d decimal) append(dst []byte) []byte {
	start := len(dst)
	if d.large != nil {
		dst = d.large.Append(dst, 10)
	} else {
		dst = strconv.AppendInt(dst, d.small, 10)
	}
	if d.scale == 0 {
		return dst
	}
	if dst[start] == '-' {
		start++
	}
	if d.scale < 0 {
		if dst[start] == '0' {
			return dst
		}
		for range -d.scale {
			dst = append(dst, '0')
		}
		return dst
	}
	if missing := d.scale + 1 - (len(dst) - start); missing > 0 {
		for range missing {
			dst = append(dst, '0')
		}
		copy(dst[start+missing:], dst[start:])
		for i := range missing {
			dst[start+i] = '0'
		}
	}
	point := len(dst) - d.scale
	dst = append(dst, 0)
	copy(dst[point+1:], dst[point:])
	dst[point] = '.'
	return dst
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
