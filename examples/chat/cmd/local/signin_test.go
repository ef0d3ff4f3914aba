package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// Pages of -origins reach the gateway under the host name of their origin; other host names are
// refused.
func TestHostsOfTheOrigins(t *testing.T) {
	t.Parallel()
	s := signIn{open: true, origins: "http://box.example:8080,https://[::1],file://,http://10.0.0.7:1"}
	require.Equal(t, []string{"box.example"}, s.hosts())
	l, err := newLocal(t.Context(), &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}, place{}, s, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.gateway.Shutdown(context.Background())) })
	for host, status := range map[string]int{"box.example:8080": 426, "localhost:8080": 426, "evil.example": 403} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/local", nil)
		r.Host = host
		answer := httptest.NewRecorder()
		l.handler.ServeHTTP(answer, r)
		require.Equal(t, status, answer.Code, host)
	}
}
