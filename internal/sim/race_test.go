//go:build race

package sim

// How many worlds live under the race detector, which makes them ten times slower, and how many of
// them live again.
const (
	defaultSeeds = 200
	defaultTwice = 15
)
