// Package shard spreads connection ids over the parts of a group.
package shard

// Of returns the part, of n, that a connection id belongs to: 0 ≤ Of < n. n must be at least 1. It
// is a hash (FNV-1a), since the gateway's ids begin with a counter: a prefix would put connections
// that are opened one after the other into one part.
//
// Of(id, n) is Of(id, m) modulo n if n divides m, so that parts can be split and joined. Tables
// depend on its results, so it must never change.
func Of(id string, n int) int {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return int((h>>32 ^ h) % uint64(n)) // the low bits alone depend little on the first characters
}
