package shrink_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/shrink"
)

// TestSequence shrinks a sequence that fails with two of its calls, whatever the others.
func TestSequence(t *testing.T) {
	t.Parallel()
	var calls []int
	for i := range 52 {
		calls = append(calls, i)
	}
	runs := 0
	short, err := shrink.Sequence(calls, errors.New("first"), func(calls []int) error {
		runs++
		if slices.Contains(calls, 3) && slices.Contains(calls, 30) {
			return errors.New("last")
		}
		return nil
	})
	require.Equal(t, []int{3, 30}, short)
	require.EqualError(t, err, "last")
	require.LessOrEqual(t, runs, 500)
}

// TestSequenceThatNeedsAll keeps what cannot be shorter, with its error.
func TestSequenceThatNeedsAll(t *testing.T) {
	t.Parallel()
	calls := []string{"a", "b", "c"}
	short, err := shrink.Sequence(calls, errors.New("first"), func([]string) error { return nil })
	require.Equal(t, calls, short)
	require.EqualError(t, err, "first")
}
