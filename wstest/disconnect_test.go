package wstest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

// TestRecorderDisconnects has a handler close the connections of a group through the recorder.
func TestRecorderDisconnects(t *testing.T) {
	t.Parallel()
	store, recorder := conn.NewMemory(), wstest.NewRecorder()
	fanout := broadcast.New(recorder, store)
	r := gatesock.New()
	r.Use(conn.Track(store))
	gatesock.Handle(r, "join", func(ctx context.Context, req *gatesock.Request, _ struct{}) error {
		return store.Join(ctx, req.ConnectionID, "room")
	})
	gatesock.HandleReply(r, "close", func(ctx context.Context, req *gatesock.Request, _ struct{}) (int, error) {
		rep, err := fanout.Disconnect(ctx, broadcast.To("room").Except(req.ConnectionID))
		return rep.Delivered, err
	})
	h := wstest.New(t, r, wstest.WithPoster(recorder))
	ann, bob := h.Connect(), h.Connect()
	ann.Request("join", struct{}{}).ExpectAck()
	bob.Request("join", struct{}{}).ExpectAck()
	var closed int
	ann.Request("close", struct{}{}).ExpectReply(&closed)
	require.Equal(t, 1, closed)
	bob.ExpectClosed(1000)
	require.Equal(t, []gatesock.Target{{ConnectionID: bob.ID()}}, recorder.Disconnects())
	recorder.Reset()
	require.Empty(t, recorder.Disconnects())

	recorder.Gone(ann.ID())
	require.ErrorIs(t, recorder.Disconnect(t.Context(), gatesock.Target{ConnectionID: ann.ID()}), gatesock.ErrGone)
	require.ErrorIs(t, recorder.Disconnect(t.Context(), gatesock.Target{}), gatesock.ErrBadConnectionID)
}
