//go:build race

package clienttest

// How many worlds live under the race detector, which makes them ten times slower.
const (
	machineSeeds = 100
	clientSeeds  = 20
	scriptSeeds  = 50
)
