//go:build !race

package topictest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/topic"
)

// TestMachineFindsBrokenLogs checks that the model finds mistakes, and that what it reports is
// short.
func TestMachineFindsBrokenLogs(t *testing.T) {
	t.Parallel()
	for name, log := range map[string]NewHarness{
		"forgets keys":           onBroken(changed(func(_ broken, _ string, e topic.Entry) topic.Entry { e.Key = ""; return e })),
		"never lost":             onBroken(paged(func(_ broken, _ topic.Query, p topic.Page) topic.Page { p.Lost = ""; return p })),
		"keeps one more":         onBroken(queried(func(q topic.Query) topic.Query { q.Keep *= 2; return q })),
		"never quiet":            onBroken(paged(func(_ broken, _ topic.Query, p topic.Page) topic.Page { p.Quiet = false; return p })),
		"no zone":                onTwin(twinBugs{noZone: true}),
		"expiry that falls":      onTwin(twinBugs{notRising: true}),
		"no seal, an old head":   onTwin(twinBugs{noSeal: true, keepsHead: true}),
		"an epoch is not looked": onTwin(twinBugs{noHeadRead: true}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var err error
			for seed := uint64(0); err == nil; seed++ {
				require.Less(t, seed, uint64(500), "the model finds nothing")
				err = randomSequence(newSource(seed), 40).compare(t, log)
			}
			_, calls, _ := strings.Cut(err.Error(), "after\n")
			require.Less(t, strings.Count(calls, "\n\t"), 14, err.Error())
		})
	}
}
