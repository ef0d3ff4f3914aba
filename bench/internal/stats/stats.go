// Package stats does the arithmetic of the load commands: figures of several rounds, and what an operation costs.
package stats

import (
	"fmt"
	"slices"
	"time"
)

// Summary is the middle and the spread of some figures.
type Summary struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Summarize gives the summary of figures; that of none is zero.
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

// Spread writes the summary of figures, with their unit.
func Spread[T any](format, unit string, figures []T, value func(T) float64) string {
	s := Summarize(figures, value)
	return fmt.Sprintf(format+"%s ("+format+"–"+format+")", s.Median, unit, s.Min, s.Max)
}

// Identity is for figures that are numbers already.
func Identity(f float64) float64 { return f }

// PerOperation is what each of n operations took of d, in microseconds.
func PerOperation(d time.Duration, n int) float64 { return Quotient(d.Seconds()*1e6, float64(n)) }

// Quotient is 0 where there is none: a load that failed at once has no rate.
func Quotient(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
