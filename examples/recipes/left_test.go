package recipes

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

func TestLeftIsAnnouncedWhateverEndsTheConnection(t *testing.T) {
	t.Parallel()
	recorder := wstest.NewRecorder()
	a := newRooms(recorder)
	r := gatesock.New()
	r.Use(conn.Track(a.store))
	h := wstest.New(t, r, wstest.WithPoster(recorder))
	clients := map[string]*wstest.Client{}
	for _, name := range []string{"ann", "bob", "cy"} {
		clients[name] = h.Connect(wstest.WithUser(name))
		require.NoError(t, a.store.Join(t.Context(), clients[name].ID(), "lobby"))
	}
	var who string
	phone := h.Connect(wstest.WithUser("bob"))

	clients["bob"].Close(1000, "")
	clients["ann"].ExpectPushOn("lobby", "left", &who)
	require.Equal(t, "bob", who)
	phone.ExpectNone() // it is not in the lobby

	// The connection of cy has ended without an event, and a broadcast finds it gone.
	recorder.Gone(clients["cy"].ID())
	b := broadcast.New(recorder, a.store, broadcast.WithPruneGrace(0))
	_, err := b.Send(t.Context(), broadcast.To("lobby"), gatesock.Push{Event: "ping"})
	require.NoError(t, err)
	clients["ann"].ExpectPushOn("lobby", "left", &who)
	require.Equal(t, "cy", who)
}
