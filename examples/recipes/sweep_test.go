package recipes

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/wstest"
)

func TestAScheduledSweepRemovesWhatIsGone(t *testing.T) {
	t.Parallel()
	now := testclock.Noon()
	db := dynamo.Open(dynamotest.Client(t), dynamotest.Table(t),
		dynamo.WithNamespace(dynamotest.Namespace(t)), dynamo.WithClock(func() time.Time { return now }))
	store, recorder := db.Connections(), wstest.NewRecorder()
	handler := newSwept(db, gatesock.New(), recorder)
	for _, id := range []string{"open", "gone"} {
		require.NoError(t, store.Put(t.Context(), conn.Conn{ID: id}))
	}
	recorder.Gone("gone")
	now = now.Add(time.Hour)

	answer, err := handler.Invoke(t.Context(), []byte(`{"source":"aws.events","detail-type":"Scheduled Event",`+
		`"detail":{},"resources":["arn:aws:events:eu-west-1:123456789012:rule/sweep"]}`))
	require.NoError(t, err)
	var report sweep.Report
	require.NoError(t, json.Unmarshal(answer, &report))
	require.Equal(t, int64(1), report.Last.Live)
	require.Equal(t, int64(1), report.Last.Gone)
	_, err = store.Get(t.Context(), "gone")
	require.ErrorIs(t, err, conn.ErrNotFound)
}
