//go:build !race

package sim

// defaultSeeds is how many worlds live in CI.
const defaultSeeds = 20_000
