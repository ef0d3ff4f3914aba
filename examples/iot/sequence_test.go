package iot

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The window against a set of all numbers.
func TestTheSequenceAcceptsEachReadingOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var d Device
		accepted, highest := map[int64]bool{}, int64(0)
		around := rapid.Custom(func(t *rapid.T) int64 {
			return max(1, highest+rapid.Int64Range(-70, 5).Draw(t, "step"))
		})
		numbers := rapid.OneOf(around, around, around, rapid.Int64Range(1, maxSeq))
		for range rapid.IntRange(1, 200).Draw(t, "n") {
			seq := numbers.Draw(t, "seq")
			refused := d.sequence().check(seq)
			switch {
			case seq <= highest-windowSize:
				require.Equal(t, ReasonOutOfOrder, refused.reason)
				continue
			case accepted[seq]:
				require.Equal(t, ReasonReplayed, refused.reason)
				continue
			}
			require.Nil(t, refused)
			d.setSequence(d.sequence().add(seq))
			accepted[seq], highest = true, max(highest, seq)
			require.Equal(t, highest, d.Seq)
		}
	})
}
