package chat

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

// gateway is an API with connections of which one has ended without a $disconnect.
type gateway struct{ pushed map[string][]byte }

func (g *gateway) Info(_ context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error) {
	if of.ConnectionID == "gone" {
		return gatesock.ConnectionInfo{}, gatesock.ErrGone
	}
	return gatesock.ConnectionInfo{LastActiveAt: time.Now()}, nil
}

func (g *gateway) Post(_ context.Context, to gatesock.Target, data []byte) error {
	g.pushed[to.ConnectionID] = data
	return nil
}

func (g *gateway) Disconnect(context.Context, gatesock.Target) error { return gatesock.ErrGone }

// A scheduled sweep finds who is gone, and the others are told.
func TestASweepTellsOfDepartures(t *testing.T) {
	t.Parallel()
	client, table := dynamotest.Local(t), "chat-"+rand.Text()
	require.NoError(t, dynamo.Open(client, table).CreateTable(t.Context()))
	api := &gateway{map[string][]byte{}}
	app, err := NewOnTable(client, table, api)
	require.NoError(t, err)
	anHourAgo := time.Now().Add(-time.Hour).Truncate(time.Second)
	db := dynamo.Open(client, table, dynamo.WithClock(func() time.Time { return anHourAgo }))
	for _, id := range []string{"gone", "open"} {
		require.NoError(t, db.Connections().Put(t.Context(), conn.Conn{
			ID: id, Groups: []string{topic.Group(topicOf("lobby"))}, ConnectedAt: anHourAgo,
		}))
		_, err := db.Topics().EnterRow(t.Context(), topicOf("lobby"), topic.Row{
			ID: id, As: json.RawMessage(`{"name":"Bob"}`), ConnectedAt: anHourAgo, ExpiresAt: anHourAgo.Add(2 * time.Hour),
		})
		require.NoError(t, err)
	}

	_, err = app.Handler().Invoke(t.Context(), []byte(`{"source":"aws.scheduler","detail-type":"Scheduled Event",`+
		`"detail":{},"resources":["arn:aws:scheduler:eu-west-1:123456789012:schedule/chat/sweep"]}`))
	require.NoError(t, err)
	var push struct {
		Event string
		Data  topicwire.Diff
	}
	require.NoError(t, json.Unmarshal(api.pushed["open"], &push))
	require.Equal(t, "presence", push.Event)
	require.Len(t, push.Data.Left, 1)
	require.Len(t, api.pushed, 1)
	users, err := app.topics.Present(t.Context(), topicOf("lobby"))
	require.NoError(t, err)
	require.Len(t, users, 1)
	require.Equal(t, "open", users[0].Rows[0].ID)
}
