package recipes

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/wstest"
)

func TestDevicesConnectWithAnAPIKey(t *testing.T) {
	t.Parallel()
	store := apikey.NewMemory()
	_, secret, err := apikey.New(store).Create(t.Context(), apikey.Key{Name: "sensor 7", Owner: "plant-1"})
	require.NoError(t, err)
	h := wstest.New(t, eventmux.New(
		eventmux.WebSocket(gatesock.New()), eventmux.Authorizer(authz.NewAuthorizer(devices(store))),
	))
	h.Connect(wstest.WithHeader("X-Api-Key", secret))
	require.Equal(t, http.StatusUnauthorized, h.ConnectRefused(wstest.WithHeader("X-Api-Key", secret+"x")))
	require.Equal(t, http.StatusUnauthorized, h.ConnectRefused())
}
