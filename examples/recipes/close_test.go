package recipes

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

func TestSignOutClosesTheConnectionsOfTheUser(t *testing.T) {
	t.Parallel()
	store, recorder := conn.NewMemory(), wstest.NewRecorder()
	r := gatesock.New()
	r.Use(conn.Track(store))
	h := wstest.New(t, r, wstest.WithPoster(recorder))
	phone, laptop := h.Connect(wstest.WithUser("ann")), h.Connect(wstest.WithUser("ann"))
	bob := h.Connect(wstest.WithUser("bob"))

	require.NoError(t, signOut(t.Context(), broadcast.New(recorder, store), "ann"))
	phone.ExpectClosed(1000)
	laptop.ExpectClosed(1000)
	bob.ExpectNone()
}
