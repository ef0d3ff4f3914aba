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
	anHourAgo := dynamo.Open(client, table, dynamo.WithClock(func() time.Time { return time.Now().Add(-time.Hour) }))
	for id, name := range map[string]string{"gone": "Bob", "open": "Ann"} {
		require.NoError(t, anHourAgo.Connections().Put(t.Context(), conn.Conn{
			ID: id, Groups: []string{roomGroup("lobby"), nameGroup(name)},
		}))
	}

	_, err = app.Handler().Invoke(t.Context(), []byte(`{"source":"aws.scheduler","detail-type":"Scheduled Event",`+
		`"detail":{},"resources":["arn:aws:scheduler:eu-west-1:123456789012:schedule/chat/sweep"]}`))
	require.NoError(t, err)
	var left struct {
		Event string
		Data  Notice
	}
	require.NoError(t, json.Unmarshal(api.pushed["open"], &left))
	require.Equal(t, "left", left.Event)
	require.Equal(t, "Bob", left.Data.Name)
	require.Equal(t, []string{"Ann"}, left.Data.Online.Names)
	require.Len(t, api.pushed, 1)
}
