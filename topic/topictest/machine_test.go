package topictest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/topic"
)

// drawn draws from rapid, which searches for a failure and shortens what it finds.
type drawn struct{ t *rapid.T }

// IntN draws from 0 to below n.
func (d drawn) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(d.t, "n") }

// TestMachine compares a log in memory and one on a table with the model.
func TestMachine(t *testing.T) {
	t.Parallel()
	for name, log := range map[string]NewHarness{"memory": onMemory, "twin": onTwin(twinBugs{})} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(r *rapid.T) {
				require.NoError(r, randomSequence(drawn{r}, rapid.IntRange(1, 60).Draw(r, "length")).run(t, log))
			})
		})
	}
}

// TestMachineFindsBrokenLogs checks that the model finds mistakes, and that what it reports is short.
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
