package emulator

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Handshakes whose client spells the names of headers in lower case are signed as well as others.
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

// Only the error "Unauthorized" itself refuses with 401.
func TestErrorsLikeUnauthorized(t *testing.T) {
	t.Parallel()
	for text, status := range map[string]int{"Unauthorized": 401, "Unauthorized: no token": 500, "unauthorized": 500, "not Unauthorized": 500} {
		w := newWorld(t, inMemory{}, Config{Authorizer: &Authorizer{Handler: handlerFunc(func(context.Context, []byte) ([]byte, error) {
			return nil, errors.New(text)
		})}}, nil)
		_, a := w.front.dial(w, Handshake{})
		require.Equal(t, status, a.status, text)
	}
}

func TestStringStatusIsDigits(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"200": true, "0xc8": false, "+200": false, "-200": false, "20 0": false, "2_00": false, "2e2": false, "": false, "600": false, "99999999999999999999": false,
	} {
		_, err := decodeResponse([]byte(`{"statusCode":"`+text+`"}`), &Undocumented{AcceptStringStatus: true})
		require.Equal(t, ok, err == nil, "%q: %v", text, err)
	}
}

// A parameter with an escape that is none is otherwise read as every other.
func TestBrokenParameter(t *testing.T) {
	t.Parallel()
	require.Equal(t, url.Values{"a b": {"%zz c+"}, "%": {""}}, parseQuery("a+b=%zz+c%2B&%"))
}
