// Package shard spreads connection ids over the parts of a group.
package shard

// Of tells in which of n parts a connection id belongs, 0 ≤ Of < n; n must be at least 1. It is a hash (FNV-1a),
// since the gateway's ids begin with a counter: a prefix would put those that come together into one part.
//
// Of(id, n) is Of(id, m) modulo n where n divides m, so parts can be split and joined. Tables hold what it
// gives, so it must never change.
func Of(id string, n int) int {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return int((h>>32 ^ h) % uint64(n)) // the low bits alone know little of the first characters
}
