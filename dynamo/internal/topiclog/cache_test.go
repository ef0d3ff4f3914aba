package topiclog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/topic"
)

// TestWindowJoin compares windows with a model. Whatever runs are joined, a window is a run without
// a hole, of the newest epoch, that ends with the newest entry that was joined; copies never
// change.
func TestWindowJoin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var w window
		newest := [2]int64{}
		var copies []window
		var shown []string
		for step := range rapid.IntRange(1, 20).Draw(t, "joins") {
			epoch := rapid.Int64Range(1, 3).Draw(t, "epoch")
			first := rapid.Int64Range(1, 30).Draw(t, "first")
			n := rapid.Int64Range(0, 8).Draw(t, "n")
			var run []*entry
			for i := range n {
				run = append(run, &entry{offset: first + i, bytes: rapid.SampledFrom([]int{1, 1 << 18}).Draw(t, "bytes")})
			}
			at := time.Unix(int64(step), 0)
			w.join(fmt.Sprint(epoch, "-x"), run, instant{clock: at})
			if n > 0 && (epoch > newest[0] || epoch == newest[0] && first+n-1 > newest[1]) {
				newest = [2]int64{epoch, first + n - 1}
			}
			if newest[0] == 0 {
				continue
			}
			require.Equal(t, newest, [2]int64{number(w.epoch), w.last().offset})
			require.Equal(t, sizeOf(w.entries), w.bytes)
			require.True(t, w.bytes <= windowBytes || len(w.entries) == 1)
			for i, e := range w.entries {
				require.Equal(t, w.entries[0].offset+int64(i), e.offset)
			}
			copies, shown = append(copies, w), append(shown, offsets(w))
			for i, c := range copies {
				require.Equal(t, shown[i], offsets(c))
			}
		}
	})
}

func offsets(w window) string {
	var all []int64
	for _, e := range w.entries {
		all = append(all, e.offset)
	}
	return fmt.Sprint(w.epoch, all)
}

// TestCacheIsBounded fills the cache with many topics.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := newCache()
	for i := range 2000 {
		run := []*entry{{offset: 1, bytes: 100_000}, {offset: 2, bytes: 1000}}
		c.join(fmt.Sprint(i), "1-x", run[:1+i%2], instant{})
		require.LessOrEqual(t, c.bytes, cacheBytes)
		require.Equal(t, len(c.topics), c.order.Len())
		sum := 0
		for name := range c.topics {
			sum += kept + len(name) + c.topics[name].Value.(*cached).bytes
		}
		require.Equal(t, sum, c.bytes)
		require.NotNil(t, c.entry("0", "1-x", 1), "what is used stays")
	}
	last := c.get("1999")
	require.Equal(t, int64(2), last.last().offset)
	require.Less(t, len(c.topics), 100)
	c.forget("1999")
	require.Nil(t, c.entry("1999", "1-x", 2))
	c.forgetAll()
	require.Zero(t, c.bytes)
	require.Empty(t, c.topics)
}

// TestWindowTrims checks that the newest entries stay.
func TestWindowTrims(t *testing.T) {
	t.Parallel()
	var w window
	for i := range int64(100) {
		w.join("1-x", []*entry{{offset: i + 1, bytes: 100_000}}, instant{})
		require.Equal(t, i+1, w.last().offset)
		require.LessOrEqual(t, w.bytes, windowBytes)
	}
	require.GreaterOrEqual(t, len(w.entries), 10)
	require.True(t, slices.IsSortedFunc(w.entries, func(a, b *entry) int { return int(a.offset - b.offset) }))
}

// TestCacheCountsEvents checks that entries with many small events count as what they take.
func TestCacheCountsEvents(t *testing.T) {
	t.Parallel()
	const events = 5000
	run := make([]*entry, 20)
	for i := range run {
		e := &entry{offset: int64(i) + 1, events: make([]topic.Event, events)}
		for n := range e.events {
			e.events[n] = topic.Event{Name: strings.Repeat("e", 10), Data: []byte("1")}
			e.bytes++
		}
		run[i] = e
	}
	var w window
	w.join("1-x", run, instant{})
	require.Less(t, len(w.entries), 10, "an event takes at least the two headers, its name and its data")
	require.Equal(t, int64(20), w.last().offset)
}
