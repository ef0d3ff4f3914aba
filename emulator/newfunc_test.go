package emulator_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

func TestNewFuncPassesEveryCallOn(t *testing.T) {
	t.Parallel()
	var api gatesock.ConnectionsAPI
	gw, err := emulator.NewFunc(func(a gatesock.ConnectionsAPI) (lambda.Handler, error) {
		api = a
		to := gatesock.Target{ConnectionID: "x"}
		_, infoErr := a.Info(t.Context(), to)
		for _, early := range []error{a.Post(t.Context(), to, nil), a.Disconnect(t.Context(), to), infoErr} {
			require.ErrorIs(t, early, gatesock.ErrNotSent)
			require.NotErrorIs(t, early, gatesock.ErrGone)
			require.ErrorContains(t, early, "the gateway does not exist yet")
		}
		return gatesock.New(), nil
	}, emulator.Config{})
	require.NoError(t, err)
	var c client
	s, err := gw.Connect(t.Context(), emulator.Handshake{SourceIP: "192.0.2.7"}, &c)
	require.NoError(t, err)
	to := gatesock.Target{ConnectionID: s.ID()}
	require.NoError(t, api.Post(t.Context(), to, []byte("hello")))
	info, err := api.Info(t.Context(), to)
	require.NoError(t, err)
	own, err := gw.Info(t.Context(), to)
	require.NoError(t, err)
	require.Equal(t, own, info)
	require.Equal(t, gatesock.Identity{SourceIP: "192.0.2.7"}, info.Identity)
	require.NoError(t, api.Disconnect(t.Context(), to))
	require.ErrorIs(t, api.Post(t.Context(), to, nil), gatesock.ErrGone)
	require.Equal(t, []string{"hello", "closed with 1000 Connection Closed Normally"}, c.received)
	require.NoError(t, gw.Shutdown(t.Context()))
}

func TestNewFuncFails(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	gw, err := emulator.NewFunc(func(gatesock.ConnectionsAPI) (lambda.Handler, error) { return nil, boom },
		emulator.Config{})
	require.Equal(t, boom, err)
	require.Nil(t, gw)
	require.PanicsWithValue(t, "emulator: NewFunc: build must not be nil", func() {
		_, _ = emulator.NewFunc(nil, emulator.Config{})
	})
	require.PanicsWithValue(t, "emulator: NewFunc: build returned a nil handler", func() {
		_, _ = emulator.NewFunc(func(gatesock.ConnectionsAPI) (lambda.Handler, error) { return nil, nil }, emulator.Config{})
	})
}
