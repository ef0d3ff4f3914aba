package dynamo_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// Schedules that went wrong once. The connection is registered, and a member of nothing. The
// schedule names the actors by their numbers; each of their steps but the first is a request. What
// is left when it ends, runs in order.
func TestKnownInterleavings(t *testing.T) {
	t.Parallel()
	w := world{dynamotest.Client(t), dynamotest.Table(t), dynamotest.Namespace(t)}
	joins, leaves, deletes, puts := call{joinCall, 1}, call{leaveCall, 1}, call{kind: deleteCall}, call{putCall, 1}
	loses := func(at int) fault { return fault{loseAnswer, at} }
	for name, c := range map[string]struct {
		calls    []call
		faults   map[int]fault // by the actors' numbers
		schedule []int
	}{
		// The mark of 2 gives way to the row of 3, and 4 deletes that row; then the row of 1 comes.
		"a late row after a mark that was overwritten": {
			[]call{joins, leaves, joins, leaves},
			nil,
			[]int{1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 4, 1},
		},
		// The leave of 2 meets the row of 3, so it writes no mark.
		"a late row after a later one": {
			[]call{joins, leaves, joins, leaves},
			nil,
			[]int{1, 1, 2, 2, 3, 3, 3, 2, 2, 2, 4, 4, 4, 1},
		},
		// 3 deletes the row that 2 is about to have guard its place.
		"a late row after a later one that went": {
			[]call{joins, leaves, joins, leaves},
			nil,
			[]int{1, 1, 2, 2, 3, 3, 3, 2, 2, 4, 4, 4, 2, 1},
		},
		"a late row of a record that was put twice": {
			[]call{deletes, puts, deletes, puts, deletes},
			nil,
			[]int{1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 5, 5, 2},
		},
		"a leave whose answer is lost, and a join between its writes": {
			[]call{joins, leaves},
			map[int]fault{2: loses(0)},
			[]int{1, 1, 2, 2, 2, 2, 2, 1},
		},
		"a leave whose answer is lost, and another join before the next attempt": {
			[]call{joins, leaves, joins},
			map[int]fault{2: loses(0)},
			[]int{1, 1, 2, 2, 3, 3, 3, 2, 2, 2, 1},
		},
		"a row whose answer is lost, and a leave before the next attempt": {
			[]call{joins, leaves},
			map[int]fault{1: loses(1)},
			[]int{1, 1, 1, 2, 2, 2, 1},
		},
		"a row whose answer is lost, and a delete before the next attempt": {
			[]call{joins, deletes},
			map[int]fault{1: loses(1)},
			[]int{1, 1, 1, 2, 2, 2, 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := w.interleaving(rand.Uint64(), dynamo.Sharding{})
			for i, call := range c.calls {
				r.cast(call, c.faults[i+1])
			}
			require.NoError(t, r.store.Put(t.Context(), r.record(0, 0)))
			r.start.apply(&effect{actor: &actor{call: call{kind: putCall}}})
			r.play(t.Context(), func(ready []*actor) int {
				for len(c.schedule) > 0 {
					number := c.schedule[0]
					c.schedule = c.schedule[1:]
					for i, a := range ready {
						if a.number == number {
							return i
						}
					}
				}
				return 0
			})
			require.NoError(t, r.check(t.Context(), rand.New(rand.NewPCG(1, 1))), "%v", r)
			require.Zero(t, r.disagreement(), "%v", r)
			require.Zero(t, r.seen.listed, "%v", r)
		})
	}
}
