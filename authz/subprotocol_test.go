package authz_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/wstest"
)

func TestSubprotocol(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	r.Use(authz.AuthenticateConnect(authz.Bearer(authz.VerifierFunc(tokens), authz.SubprotocolToken())))
	r.Use(authz.NegotiateSubprotocol("chat.v2", "chat.v1"))
	h := wstest.New(t, r)
	token := "bearer.ann/read/"
	require.Equal(t, "chat.v1", h.Connect(wstest.WithSubprotocols("chat.v1", token)).Subprotocol())
	require.Equal(t, "chat.v2", h.Connect(wstest.WithSubprotocols(token, "chat.v1", "chat.v2")).Subprotocol())
	require.Equal(t, 400, h.ConnectRefused(wstest.WithSubprotocols(token)))
	require.Equal(t, 401, h.ConnectRefused(wstest.WithSubprotocols("chat.v1")))
	require.Equal(t, 401, h.ConnectRefused())
}

// The choice of the handler wins, and a client that offers none gets none.
func TestSubprotocolOfTheHandler(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	r.Use(authz.NegotiateSubprotocol("a", "b"))
	r.OnConnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		return &gatesock.Reply{Subprotocol: req.Query.Get("choose")}, nil
	})
	h := wstest.New(t, r)
	require.Equal(t, "b", h.Connect(wstest.WithSubprotocols("a", "b"), wstest.WithQuery("choose", "b")).Subprotocol())
	require.Equal(t, "a", h.Connect(wstest.WithSubprotocols("a", "b")).Subprotocol())
	require.Empty(t, h.Connect().Subprotocol())
}
