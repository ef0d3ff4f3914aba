package main

import "slices"

// summary is the middle and the spread of some figures.
type summary struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// summarize gives the summary of figures; that of none is zero.
func summarize[T any](figures []T, value func(T) float64) summary {
	if len(figures) == 0 {
		return summary{}
	}
	sorted := make([]float64, len(figures))
	for i, f := range figures {
		sorted[i] = value(f)
	}
	slices.Sort(sorted)
	n := len(sorted)
	return summary{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1]}
}
