package expr

import "github.com/weirstream/weir/state/row"

// maxLook bounds how many steps of time a comparison looks ahead: each costs its evaluation, but spares a timer.
const maxLook = 32

// ahead makes of a comparison one whose until is moved on over steps that change nothing: of the hours of a day, only
// that one matters at which "now.getHours() >= 9" flips. The comparison must not name a variable that may change with
// the time: variables are those of the present.
func (c *compiler) ahead(cond condFn) condFn {
	c.looks = true
	return func(in *Input, f *frame) (Truth, row.Instant) {
		t, u := cond(in, f)
		if f == nil || f.looking {
			return t, u
		}
		f.looking = true
		for range maxLook {
			if u == never || u >= f.segments { // memberships beyond are not known
				break
			}
			f.ahead = *in
			f.ahead.Now = u
			then, next := cond(&f.ahead, f)
			if then != t || f.segments <= u {
				break
			}
			u = next
		}
		f.looking = false
		return t, u
	}
}
