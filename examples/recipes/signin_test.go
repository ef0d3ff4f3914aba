package recipes

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/wstest"
)

// tokens accepts one token, of a principal that may upload.
func tokens() authz.Verifier {
	return authz.VerifierFunc(func(_ context.Context, token string) (authz.Principal, error) {
		if token != "good" {
			return authz.Principal{}, authz.ErrUnauthenticated
		}
		return authz.Principal{ID: "ann", Scopes: []string{"files/write"}}, nil
	})
}

const ownPage, foreignPage = "https://app.example.com", "https://evil.example.com"

func TestSignIn(t *testing.T) {
	t.Parallel()
	_, err := cognito("eu-central-1", "eu-central-1_EXAMPLE", "1example23456789")
	require.NoError(t, err)

	h := wstest.New(t, newSignedIn(conn.NewMemory(), tokens()))
	ann := h.Connect(wstest.WithHeader("Origin", ownPage), wstest.WithSubprotocols("chat.v1", "bearer.good"))
	require.Equal(t, "chat.v1", ann.Subprotocol())
	ann.Request("upload", File{}).ExpectReply(nil)

	bob := h.Connect(wstest.WithUser("bob"), wstest.WithSubprotocols("chat.v1"))
	bob.Request("upload", File{}).ExpectError(gatesock.CodePermissionDenied)
	require.Equal(t, http.StatusUnauthorized, h.ConnectRefused(wstest.WithHeader("Origin", ownPage)))
}

func TestNativeAppsBesideAPage(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	h := wstest.New(t, eventmux.New(
		eventmux.WebSocket(r), eventmux.Authorizer(authz.NewAuthorizer(pagesAndApps(tokens()))),
	))
	origin := func(o string) wstest.ConnectOption { return wstest.WithHeader("Origin", o) }
	token := wstest.WithHeader("Authorization", "Bearer good")

	h.Connect(token)
	require.Equal(t, http.StatusUnauthorized, h.ConnectRefused())
	require.Equal(t, http.StatusUnauthorized, h.ConnectRefused(wstest.WithHeader("Authorization", "Bearer bad")))
	require.Equal(t, http.StatusForbidden, h.ConnectRefused(origin(foreignPage), token))
	require.Equal(t, http.StatusForbidden,
		h.ConnectRefused(origin(foreignPage), wstest.WithSubprotocols("bearer.good")))
	require.Equal(t, http.StatusUnauthorized, h.ConnectRefused(origin(ownPage)))
}
