package sim

import "flag"

// The flags of the tests.
//
//nolint:gochecknoglobals // flags of a test
var (
	seeds = flag.Int("seeds", defaultSeeds, "how many worlds live")
	twice = flag.Int("twice", defaultTwice, "how many worlds live again, to compare their stories")
	from  = flag.Uint64("from", 1, "the seed of the first world")
	tries = flag.Int("tries", 2000, "how often shrinking tries a story")
)
