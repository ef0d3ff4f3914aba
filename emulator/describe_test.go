package emulator

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/eventmux"
)

// forgetful is a wrapper that says nothing of what it wraps.
type forgetful struct{ lambda.Handler }

// guarded is a mux whose authorizer lets nobody in.
func guarded() *eventmux.Mux {
	return eventmux.New(eventmux.WebSocket(gatesock.New()), eventmux.Authorizer(handlerFunc(func(context.Context, []byte) ([]byte, error) {
		return nil, errors.New("Unauthorized")
	})))
}

// A wrapper around a mux does not let everybody in, whether it is one that describes itself or not.
func TestWrappersKeepTheAuthorizer(t *testing.T) {
	t.Parallel()
	wrap := func(h lambda.Handler) lambda.Handler { return forgetful{h} }
	for name, tt := range map[string]struct {
		handler lambda.Handler
		status  int
	}{
		"no wrapper":        {guarded(), 401},
		"gatesock.Wrap":     {gatesock.Wrap(guarded(), wrap), 401},
		"forgetful wrapper": {forgetful{guarded()}, 502},
	} {
		var log bytes.Buffer
		gw, err := New(tt.handler, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		_, err = gw.Connect(t.Context(), Handshake{}, ignoring{})
		var refused *HandshakeError
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, tt.status, refused.StatusCode, name)
		require.NoError(t, gw.Shutdown(t.Context()))
		if tt.status == 502 {
			require.Contains(t, log.String(), "the handler does not describe itself: everybody may connect")
			require.Contains(t, log.String(), "handler=emulator.forgetful")
			require.Contains(t, log.String(), "the handler does not describe its routes")
			require.Contains(t, log.String(), "a $connect event without an authorizer's result")
		} else {
			require.NotContains(t, log.String(), "does not describe")
		}
	}
}

// A wrapper that describes itself keeps the replies, and has the registration checked.
func TestWrappersKeepRoutesAndFreeze(t *testing.T) {
	t.Parallel()
	r := gatesock.New(gatesock.DenyByDefault())
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	h := gatesock.Wrap(r, func(h lambda.Handler) lambda.Handler { return forgetful{h} })
	app, description := describe(h, Config{}.withDefaults())
	require.Equal(t, r.Describe().Routes, description.Routes)
	require.Same(t, r, app)
	require.Panics(t, func() { _, _ = New(h, Config{}) })
}

// What a route without a route response answers reaches nobody, and the log says so.
func TestDroppedAnswersAreLogged(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer string
		route  gatesock.Route
		logged bool
	}{
		"one way":              {`{"statusCode":200,"body":"hello"}`, gatesock.Route{Key: "$default"}, true},
		"one way, no answer":   {`{"statusCode":200}`, gatesock.Route{Key: "$default"}, false},
		"one way, empty":       {`{"statusCode":200,"body":""}`, gatesock.Route{Key: "$default"}, false},
		"with route responses": {`{"statusCode":200,"body":"hello"}`, gatesock.Route{Key: "$default", NeedsResponse: true}, false},
	} {
		var log bytes.Buffer
		gw, err := New(handlerFunc(func(context.Context, []byte) ([]byte, error) { return []byte(tt.answer), nil }), Config{
			Routes: []gatesock.Route{tt.route}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		require.NoError(t, err)
		s, err := gw.Connect(t.Context(), Handshake{}, ignoring{})
		require.NoError(t, err)
		require.NoError(t, s.Receive(t.Context(), Message{Data: []byte("x")}))
		require.NoError(t, gw.Quiesce(t.Context()))
		require.NoError(t, gw.Shutdown(t.Context()))
		if tt.logged {
			require.Contains(t, log.String(), `msg="an answer was dropped: the route has no route response" routeKey=$default connectionId=`+strconv.Quote(s.ID()), name)
		} else {
			require.NotContains(t, log.String(), "dropped: the route", name)
		}
	}
}
