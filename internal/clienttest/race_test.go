//go:build race

package clienttest

// How many worlds live under the race detector: as many as take 8 seconds of a core, at 23, 30 and
// 53 ms each. It sees nothing of the client in TypeScript.
const (
	machineSeeds = 100
	clientSeeds  = 60
	scriptSeeds  = 20
	sameSeeds    = 5
)
