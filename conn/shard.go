package conn

// shardOf spreads ids over n shards by FNV-1a. The gateway's ids begin with a counter, so a prefix would put
// those that come together in one shard.
func shardOf(id string, n int) int {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return int((h>>32 ^ h) % uint64(n)) // the low bits alone know little of the first characters
}
