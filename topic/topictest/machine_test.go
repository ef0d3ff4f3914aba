package topictest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
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
