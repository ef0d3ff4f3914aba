package stats

import (
	"math"
	"slices"
	"time"
)

// Durations are what several operations took.
type Durations []time.Duration

// Mean is in milliseconds; that of none is 0.
func (d Durations) Mean() float64 {
	var sum time.Duration
	for _, one := range d {
		sum += one
	}
	return Quotient(sum.Seconds()*1e3, float64(len(d)))
}

// Quantile returns the least duration, in milliseconds, that a share q of all are not above; that of none is 0.
func (d Durations) Quantile(q float64) float64 {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)].Seconds() * 1e3
}
