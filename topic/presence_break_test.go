package topic

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// TestFramesOfPresenceFit checks that what clients choose does not make the frames of presence
// larger than counted, so that nobody could be told.
func TestFramesOfPresenceFit(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"<", "&", "\u2028", "x", "é", `\\`} {
		as, err := compactAs(json.RawMessage(`"` + strings.Repeat(text, 254/len(text)) + `"`))
		require.NoError(t, err)
		rows := make([]Row, 700)
		for i := range rows {
			rows[i] = Row{ID: fmt.Sprint(i), User: strings.Repeat(text, 100/len(text)), As: as, Version: 1 << 52}
		}
		m := newMembers(room, rows)
		topics := &Topics{}
		seen := 0
		for _, d := range diffs(m.list, nil) {
			frame, err := topics.presenceFrame(room, d)
			require.NoError(t, err)
			require.LessOrEqual(t, len(frame), maxDiffBytes+512, "%q", text)
			seen += len(d.Joined)
		}
		require.Equal(t, len(rows), seen)

		page := m.snapshot("", roomFor(room))
		data, err := gatesock.JSON{}.Marshal(page)
		require.NoError(t, err)
		require.LessOrEqual(t, len(data), roomFor(room), "%q", text)
	}
}

// TestNobodyWaitsLongerThanTheGateway checks that a subscribe does not wait for the end of a round
// beyond the time after which the gateway gives up.
func TestNobodyWaitsLongerThanTheGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(Presence{Interval: time.Minute})
		for i := range 3 {
			v := s.connect(t.Context(), fmt.Sprint("c", i), "ann")
			start := time.Now()
			must(t)(v.subscribe(context.Background()))
			require.Less(t, time.Since(start), gatesock.IntegrationTimeout)
		}
		s.agreeAfterSync(t)
	})
}

// agreeAfterSync checks that all that are in agree with the rows once they have synced.
func (s *stage) agreeAfterSync(t *testing.T) {
	t.Helper()
	for range 3 {
		for _, v := range s.viewers {
			must(t)(v.sync(context.Background()))
		}
	}
	for _, v := range s.viewers {
		require.Equal(t, s.rows(t), v.sees())
	}
}
