//go:build !race

package sim

// How many worlds live in CI, and how many of them live again.
const (
	defaultSeeds = 20_000
	defaultTwice = 60
)
