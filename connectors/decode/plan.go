package decode

// plan finds the values at a set of paths in one walk over an object. It learns in which order an object's
// members come, so that the next record of the same shape is read without hashing names.
type plan struct {
	root  branch
	slots int
}

// branch is what is wanted of one object.
type branch struct {
	twigs   map[string]*twig
	lengths uint64  // bit n: a wanted name has n bytes (63: or more)
	order   []*twig // by place in the object, as last met; nil: not wanted
	all     []int   // the slots of everything below

	strangers int // how many more names that are not wanted may be remembered in order
}

// twig is one wanted member: its own slot, or -1, and what is wanted of it if it is an object.
type twig struct {
	name string
	slot int
	sub  *branch
}

// orderMax bounds how many members of an object are remembered in their order, strangersMax how often a name that
// is not wanted is: the names of some objects are data, and never come again.
const (
	orderMax     = 256
	strangersMax = 1024
)

// slot returns the number of the slot that path will be found in.
func (p *plan) slot(path []string) int {
	var trail []*branch
	b := &p.root
	for i, name := range path {
		trail = append(trail, b)
		t := b.twigs[name]
		if t == nil {
			if b.twigs == nil {
				b.twigs, b.strangers = make(map[string]*twig), strangersMax
			}
			t = &twig{name: name, slot: -1}
			b.twigs[name] = t
			b.lengths |= 1 << min(len(name), 63)
		}
		if i < len(path)-1 {
			if t.sub == nil {
				t.sub = &branch{}
			}
			b = t.sub
			continue
		}
		if t.slot < 0 {
			t.slot = p.slots
			p.slots++
			for _, above := range trail {
				above.all = append(above.all, t.slot)
			}
		}
		return t.slot
	}
	return -1
}

// find fills slots with the nodes of the plan's paths within the object n; a path that is not there gets noNode.
// The last of several members of one name counts.
func (p *plan) find(t *tape, n int32, slots []int32, scratch *[]byte) []int32 {
	slots = slots[:0]
	for range p.slots {
		slots = append(slots, noNode)
	}
	if t.form(n) == object {
		p.root.find(t, n, slots, scratch)
	}
	return slots
}

func (b *branch) find(t *tape, n int32, slots []int32, scratch *[]byte) {
	end := int32(t.nodes[n].next)
	for i, name := 0, n+1; name < end; i++ {
		value := name + 1
		w := b.twig(t, name, i, scratch)
		name = int32(t.nodes[value].next)
		if w == nil {
			continue
		}
		if w.slot >= 0 {
			slots[w.slot] = value
		}
		if w.sub != nil {
			for _, s := range w.sub.all {
				slots[s] = noNode
			}
			if t.nodes[value].form == object {
				w.sub.find(t, value, slots, scratch)
			}
		}
	}
}

// twig returns what is wanted under the name that stands at place i of the object; nil or an empty twig if nothing.
func (b *branch) twig(t *tape, name int32, i int, scratch *[]byte) *twig {
	text := t.raw(name)
	if t.nodes[name].flags&escaped == 0 {
		if i < len(b.order) && b.order[i] != nil && b.order[i].name == string(text) {
			return b.order[i]
		}
		if b.lengths&(1<<min(len(text), 63)) == 0 {
			return nil
		}
	} else {
		text = []byte(t.string(name, scratch))
	}
	w := b.twigs[string(text)]
	if i >= orderMax {
		return w
	}
	if w == nil {
		if b.strangers == 0 {
			return nil
		}
		b.strangers--
		w = &twig{name: string(text), slot: -1}
	}
	for len(b.order) <= i {
		b.order = append(b.order, nil)
	}
	b.order[i] = w
	return w
}

// member returns the value of the last member of the object n that is called name, or noNode.
func (t *tape) member(n int32, name string, scratch *[]byte) int32 {
	found := noNode
	if t.form(n) != object {
		return found
	}
	for c, end := n+1, int32(t.nodes[n].next); c < end; c = int32(t.nodes[c+1].next) {
		if string(t.raw(c)) == name || t.nodes[c].flags&escaped != 0 && t.string(c, scratch) == name {
			found = c + 1
		}
	}
	return found
}

// count returns how many members the object n has.
func (t *tape) count(n int32) int {
	count := 0
	for c, end := n+1, int32(t.nodes[n].next); c < end; c = int32(t.nodes[c+1].next) {
		count++
	}
	return count
}
