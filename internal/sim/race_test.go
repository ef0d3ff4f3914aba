//go:build race

package sim

// defaultSeeds is how many worlds live under the race detector, which makes them ten times slower.
const defaultSeeds = 200
