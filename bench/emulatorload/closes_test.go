package main

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExpectClosed(t *testing.T) {
	t.Parallel()
	at := func(connects int, disconnects map[int]int) counts { return counts{connects, disconnects} }
	for name, c := range map[string]struct {
		answers  []counts // the last one is repeated
		failures int
		took     time.Duration
	}{
		"at once": {[]counts{at(3, map[int]int{1000: 3})}, 0, 50 * time.Millisecond},
		"late": {
			[]counts{at(3, nil), at(3, map[int]int{1000: 2}), at(3, map[int]int{1000: 3})},
			0, 150 * time.Millisecond,
		},
		"missing":      {[]counts{at(3, map[int]int{1000: 2})}, 1, settleTime},
		"other code":   {[]counts{at(3, map[int]int{1000: 2, 1006: 1})}, 1, 50 * time.Millisecond},
		"too many":     {[]counts{at(3, map[int]int{1000: 3}), at(3, map[int]int{1000: 4})}, 1, 50 * time.Millisecond},
		"no $connect":  {[]counts{at(2, map[int]int{1000: 3})}, 1, 50 * time.Millisecond},
		"none of both": {[]counts{at(0, nil)}, 2, settleTime},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ask := func() (counts, error) {
					answer := c.answers[0]
					if len(c.answers) > 1 {
						c.answers = c.answers[1:]
					}
					return answer, nil
				}
				var r report
				start := time.Now()
				_, err := r.expectClosed(t.Context(), "it", ask, 3, 1000)
				require.NoError(t, err)
				require.Len(t, r.Failures, c.failures, "%q", r.Failures)
				require.Equal(t, c.took, time.Since(start))
			})
		})
	}
}

func TestExpectClosedOfALostServer(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	_, err := new(report).expectClosed(t.Context(), "it", func() (counts, error) { return counts{}, lost }, 3, 1000)
	require.ErrorIs(t, err, lost)
}
