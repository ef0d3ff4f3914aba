package main

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/wstest"
)

func Example() {
	main()
	// Output:
	// no token:        refused with 401
	// a forged token:  refused with 401
	// an expired one:  refused with 401
	// that of ann:     ann [chat], may not close the room (permission_denied)
	// that of sam:     sam [chat staff], has closed the room
}

// A page offers the subprotocol of the application beside its token, and must get that back.
func TestAPageConnects(t *testing.T) {
	t.Parallel()
	h := wstest.New(t, newApp(authz.VerifierFunc(func(_ context.Context, token string) (authz.Principal, error) {
		if token != "good" {
			return authz.Principal{}, authz.ErrUnauthenticated
		}
		return authz.Principal{ID: "ann", Scopes: []string{"staff"}}, nil
	})))
	ann := h.Connect(wstest.WithSubprotocols("app.v1", "bearer.good"))
	require.Equal(t, "app.v1", ann.Subprotocol())
	ann.Request("close-room", nil).ExpectAck()
	ann.Request("whoami", nil).ExpectError(gatesock.CodePermissionDenied)
	require.Equal(t, http.StatusUnauthorized, h.ConnectRefused(wstest.WithSubprotocols("app.v1", "bearer.bad")))
}
