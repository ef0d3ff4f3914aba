package emulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// An integrationLatency that parses as a number, but is not one in JSON, does not break the event.
func TestLatencyIsANumberOfJSON(t *testing.T) {
	t.Parallel()
	for latency, want := range map[any]string{"+5": "5", "007": "7", "-0": "0", 21: "21", "fast": `"fast"`, 1.5: `"1.5"`} {
		text, err := encodeAuthorizer(map[string]any{"integrationLatency": latency})
		require.NoError(t, err)
		require.Equal(t, `,"authorizer":{"integrationLatency":`+want+"}", text)
	}
}

func TestAuthorizerValuesMustBeScalar(t *testing.T) {
	t.Parallel()
	for _, v := range []any{map[string]any{}, []string{"a"}, nil, func() {}} {
		var log strings.Builder
		w := newWorld(t, inMemory{}, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, nil)
		bad := map[string]any{"bad": v}
		_, err := w.gw.Connect(context.Background(), Handshake{Authorizer: bad}, memoryClient{&peer{}})
		var refused *HandshakeError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, http.StatusInternalServerError, refused.StatusCode)
		require.Contains(t, log.String(), `authorizer value \"bad\"`)

		r := httptest.NewRequestWithContext(WithAuthorizer(context.Background(), bad, ""), http.MethodGet,
			"http://localhost/local", nil)
		for name, value := range map[string]string{
			"Connection": "upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
			"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
		} {
			r.Header.Set(name, value)
		}
		answer := httptest.NewRecorder()
		w.gw.ServeHTTP(answer, r)
		require.Equal(t, http.StatusInternalServerError, answer.Code)
		require.Contains(t, answer.Body.String(), `{"message": "Internal server error"`)
	}
}

// Without a Handler the gateway's own is the authorizer, unless it is known not to be one.
func TestDefaultOfTheAuthorizersHandler(t *testing.T) {
	t.Parallel()
	_, err := New(gatesock.New(), Config{Authorizer: &Authorizer{}})
	require.ErrorContains(t, err, "emulator: Authorizer: no Handler, and the gateway's handler describes itself and is not an")

	deny := on("$connect", func(context.Context, []byte) ([]byte, error) { return nil, errors.New("Unauthorized") })
	w := newWorld(t, inMemory{}, Config{Authorizer: &Authorizer{}}, deny)
	_, a := w.front.dial(w, Handshake{})
	require.Equal(t, http.StatusUnauthorized, a.status)
}

// A handshake with header names in lower case is signed like any other.
func TestSignedHandshakeInLowerCase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inMemory{}, strict(), nil)
	h := w.signedHandshake(signing{by: root})
	lower := http.Header{}
	for name, values := range h.Header {
		lower[strings.ToLower(name)] = values
	}
	h.Header = lower
	_, a := w.front.dial(w, h)
	require.Equal(t, http.StatusSwitchingProtocols, a.status)
}

// processError is an error of a process, such as one of package runtimeapi.
type processError string

func (e processError) Error() string { return "Error: " + string(e) }

func (e processError) Payload() []byte {
	return []byte(`{"errorType":"Error","errorMessage":"` + e + `"}`)
}

// A program in another language says "Unauthorized" with a type, which does not count.
func TestErrorsOfProcesses(t *testing.T) {
	t.Parallel()
	for text, status := range map[processError]int{"Unauthorized": 401, "Unauthorized: no token": 500} {
		refuse := func(context.Context, []byte) ([]byte, error) { return nil, fmt.Errorf("invoke: %w", text) }
		w := newWorld(t, inMemory{}, Config{Authorizer: &Authorizer{Handler: handlerFunc(refuse)}}, nil)
		_, a := w.front.dial(w, Handshake{})
		require.Equal(t, status, a.status, text)
	}
}

// Only the error "Unauthorized" means 401.
func TestErrorsLikeUnauthorized(t *testing.T) {
	t.Parallel()
	for text, status := range map[string]int{
		"Unauthorized": 401, "Unauthorized: no token": 500, "unauthorized": 500, "not Unauthorized": 500,
	} {
		refuse := func(context.Context, []byte) ([]byte, error) { return nil, errors.New(text) }
		w := newWorld(t, inMemory{}, Config{Authorizer: &Authorizer{Handler: handlerFunc(refuse)}}, nil)
		_, a := w.front.dial(w, Handshake{})
		require.Equal(t, status, a.status, text)
	}
}
