// Package stats summarizes the figures of several rounds, and computes costs per operation.
package stats

import (
	"fmt"
	"slices"
	"time"
)

// Summary is the median and the range of some figures.
type Summary struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Summarize returns the summary of figures; it is zero if there are none.
func Summarize[T any](figures []T, value func(T) float64) Summary {
	if len(figures) == 0 {
		return Summary{}
	}
	sorted := make([]float64, len(figures))
	for i, f := range figures {
		sorted[i] = value(f)
	}
	slices.Sort(sorted)
	n := len(sorted)
	return Summary{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1]}
}

// Spread formats the summary of figures with their unit: the median, then minimum and maximum.
func Spread[T any](format, unit string, figures []T, value func(T) float64) string {
	s := Summarize(figures, value)
	return fmt.Sprintf(format+"%s ("+format+"–"+format+")", s.Median, unit, s.Min, s.Max)
}

// Identity returns its argument, for figures that are numbers already.
func Identity(f float64) float64 { return f }

// PerOperation returns d divided by n operations, in microseconds.
func PerOperation(d time.Duration, n int) float64 { return Quotient(d.Seconds()*1e6, float64(n)) }

// Quotient returns a/b, or 0 if b is 0: a load that failed at once has no rate.
func Quotient(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
