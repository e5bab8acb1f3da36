package expr

// PlantWindowFault makes windows keep an event at the very instant at which it must leave; it returns the way back.
func PlantWindowFault() (repair func()) {
	windowSlack = 1
	return func() { windowSlack = 0 }
}
