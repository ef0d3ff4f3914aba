package dynamo_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// units are request units.
type units struct{ Write, Read float64 }

// operation is something that costs.
type operation struct {
	name  string
	given func(*scene) // what there is before, off the bill
	do    func(context.Context, *scene) error
	err   error
	want  units
	// unbilled are the read units of empty queries, and of keys without an item in a batch. They
	// cost nothing on DynamoDB Local, but do by the documentation, and so in want.
	unbilled float64
	why      string
	members  int // of a reading
	opts     []dynamo.Option
}

// measure carries the operation out and compares the bill.
func (op operation) measure(t *testing.T, s *scene) row {
	t.Helper()
	if op.given != nil {
		op.given(s)
	}
	s.meter.Take()
	told := new(toldCosts)
	if err := op.do(told.in(t.Context()), s.with(op.opts...)); op.err == nil {
		require.NoError(t, err, op.name)
	} else {
		require.ErrorIs(t, err, op.err, op.name)
	}
	got := s.meter.Take()
	require.Equal(t, op.want, units(got.Documented), "%s, by the documentation", op.name)
	require.Equal(t, units{op.want.Write, op.want.Read - op.unbilled}, units(got.Answered), "%s, as DynamoDB Local answers", op.name)
	require.Equal(t, units(got.Answered), told.total(), "%s, as package dynamo reports it", op.name)
	return row{op.name, op.want, op.why}
}

// A reading costs what readUnits returns. The budget is half a unit for each 4 KB of members of
// 100 bytes. It holds for every size if it is rounded up to whole units, as DynamoDB rounds, and
// without rounding from 4,670 members on.
func TestReadingKeepsTheBudget(t *testing.T) {
	t.Parallel()
	for _, op := range readings() {
		require.InDelta(t, op.want.Read, readUnits(op.members), 0, op.name)
	}
	last := 0
	for n := 1; n <= 100_000; n++ {
		budget := float64(n) * 100 / 4096 / 2
		units := readUnits(n)
		if units > math.Ceil(budget) { // an assertion in each round would take longer than all others
			require.LessOrEqual(t, units, math.Ceil(budget), "%d members", n)
		}
		if units > budget {
			last = n
		}
	}
	require.Equal(t, budgetHolds, last+1)
}

// budgetHolds is the number of members from which on the budget holds as it stands.
const budgetHolds = 4670

// memberSize is what a member takes, with an id of 16 characters, a group of 6, no endpoint and no
// namespace.
const memberSize = 49

// readUnits returns the units of reading a whole group in pages of 1,000. Each page is rounded up,
// and a full one is followed by another.
func readUnits(members int) float64 {
	sum := 0.0
	for ; members >= 1000; members -= 1000 {
		sum += table.InUnits(1000*memberSize, 4096)
	}
	return sum + table.InUnits(members*memberSize, 4096)
}
