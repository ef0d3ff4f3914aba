//go:build !race

package clienttest

// How many worlds live in CI: as many as take a minute of a core.
const (
	machineSeeds = 10_000
	clientSeeds  = 2_000
	scriptSeeds  = 2_000
)
