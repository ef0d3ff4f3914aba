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
	"github.com/gatesock/gatesock/internal/topicwire"
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

// TestLostIsInNoOtherList checks the answer to a sync of a client that has lost its row, in a topic
// that has moved on.
func TestLostIsInNoOtherList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{})
		ann := s.connect(ctx, "a", "ann")
		must(t)(ann.subscribe(ctx))
		_, err := s.memory.Append(ctx, room, Entry{Events: []Event{{Name: "e", Data: []byte("1")}}, Keep: time.Hour})
		require.NoError(t, err)
		row, err := s.memory.GetRow(ctx, room, "a")
		require.NoError(t, err)
		require.NoError(t, s.memory.RemoveRow(ctx, room, "a", row.Version))
		at := topicwire.SyncTopic{Topic: room, Digest: ann.digest()}
		out, err := s.sync(ctx, ann.request(), topicwire.Sync{Topics: []topicwire.SyncTopic{at}})
		require.NoError(t, err)
		none := []string{}
		require.Equal(t, topicwire.Synced{Lost: []string{room}, Moved: none, Extra: none, Presence: none}, out)
	})
}
