package chat

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// nowhere posts to nobody, and records the connections that are closed.
type nowhere struct {
	gatesock.ConnectionsAPI

	posts  int
	closed []string
}

func (n *nowhere) Disconnect(_ context.Context, from gatesock.Target) error {
	n.closed = append(n.closed, from.ConnectionID)
	return nil
}

func (n *nowhere) Post(context.Context, gatesock.Target, []byte) error {
	n.posts++
	return nil
}

// When a token has expired, the connection is closed and the others are told once that the person
// has left.
func TestAnExpiredConnectionIsClosedAndToldOf(t *testing.T) {
	t.Parallel()
	poster := new(nowhere)
	app := NewInMemory(poster)
	now := time.Now()
	for id, ends := range map[string]time.Time{"stays": now.Add(time.Hour), "ended": now.Add(-time.Second)} {
		require.NoError(t, app.store.Put(t.Context(), conn.Conn{
			ID:          id,
			Groups:      []string{roomGroup("lobby"), nameGroup(id)},
			ConnectedAt: now.Add(-time.Minute),
			ExpiresAt:   ends,
		}))
	}
	require.NoError(t, app.store.Put(t.Context(), conn.Conn{ID: "next"})) // comes across what has expired
	h := app.sayGoodbye(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	for range 2 {
		_, err := h(t.Context(), &gatesock.Request{Time: now})
		require.NoError(t, err)
	}
	require.Equal(t, 1, poster.posts)
	require.Equal(t, []string{"ended"}, poster.closed)
	require.Empty(t, app.store.take())
}
