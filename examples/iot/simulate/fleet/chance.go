package fleet

import "math"

// What a number of chance is for. Each purpose has numbers of its own.
const (
	forBase = iota
	forPhase
	forNoise
	forIncident
	forSeverity
	forRegion
	forDrop
	forBurst
	forSkew
	forReplay
	forMalformed
	forLength
	forStart
)

// chance has the random numbers of one device: the same for the same seed, in whatever order they
// are asked for.
type chance struct{ seed, device uint64 }

// at returns the number from 0 to 1 of a purpose at place n.
func (c chance) at(purpose int, n int64) float64 {
	x := c.seed
	for _, part := range [...]uint64{c.device, uint64(purpose), uint64(n)} { //nolint:gosec // any bits will do
		x = scramble(x + part)
	}
	return float64(x>>11) / (1 << 53)
}

// scramble is the step of splitmix64.
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// smooth returns a number from -1 to 1 that changes slowly: it goes from one random number to the
// next one in each period.
func (c chance) smooth(purpose int, seconds, period float64) float64 {
	whole, part := math.Modf(seconds / period)
	from, to := c.at(purpose, int64(whole)), c.at(purpose, int64(whole)+1)
	ease := part * part * (3 - 2*part)
	return 2*(from+(to-from)*ease) - 1
}

// wave returns a number from -1 to 1: a sine with a phase of its own.
func (c chance) wave(seconds, period float64) float64 {
	return math.Sin(2 * math.Pi * (seconds/period + c.at(forPhase, int64(period))))
}
