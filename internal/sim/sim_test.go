package sim

import (
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	seeds = flag.Int("seeds", 200, "how many seeds")
	from  = flag.Uint64("from", 1, "the first seed")
	tries = flag.Int("tries", 2000, "how often a story is tried to be shrunk")
	show  = flag.Bool("show", false, "print the story of the first seed")
)

func TestSeeds(t *testing.T) {
	start := time.Now()
	steps, count := 0, map[string]int{}
	for i := range *seeds {
		o := simulate(t, *from+uint64(i), choicesOf(*from+uint64(i)))
		if *show {
			t.Log("\n" + o.story())
		}
		if o.failure != "" {
			small := shrink(t, o, *tries)
			require.Empty(t, small.failure, "seed %d (%d choices, %d after shrinking):\n%s\n%s",
				o.seed, len(o.made), len(small.made), small.story(), small.failure)
		}
		steps += o.steps
		for k, n := range o.count {
			count[k] += n
		}
	}
	t.Logf("%d seeds, %d steps, %s, %v", *seeds, steps, time.Since(start), count)
}
