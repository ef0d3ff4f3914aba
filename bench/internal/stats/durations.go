package stats

import (
	"math"
	"slices"
	"time"
)

// Durations are the times of several operations.
type Durations []time.Duration

// Mean returns the mean in milliseconds, or 0 if there are no durations.
func (d Durations) Mean() float64 {
	var sum time.Duration
	for _, one := range d {
		sum += one
	}
	return Quotient(sum.Seconds()*1e3, float64(len(d)))
}

// Quantile returns the smallest duration, in milliseconds, that a share q of all durations does not
// exceed. It is 0 if there are none.
func (d Durations) Quantile(q float64) float64 {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)].Seconds() * 1e3
}
