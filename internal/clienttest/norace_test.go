//go:build !race

package clienttest

// How many worlds live in CI: as many as take 30 seconds of a core, at 4, 9 and 28 ms each.
const (
	machineSeeds = 2_000
	clientSeeds  = 700
	scriptSeeds  = 600
	sameSeeds    = 30
)
