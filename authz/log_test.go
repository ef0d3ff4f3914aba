package authz

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// Clients cannot cause long log lines, neither by an origin nor by a token that an error repeats.
func TestLogsAreShort(t *testing.T) {
	t.Parallel()
	long := "https://" + strings.Repeat("€", 3000) + ".example.com"
	repeating := AuthenticatorFunc(func(_ context.Context, h *Handshake) (Principal, error) {
		return Principal{}, fmt.Errorf("%w: %s", ErrForbidden, h.Header.Get("Origin"))
	})
	faulty := AuthenticatorFunc(func(_ context.Context, h *Handshake) (Principal, error) {
		return Principal{}, fmt.Errorf("%w: %s", context.DeadlineExceeded, long)
	})
	panics := AuthenticatorFunc(func(_ context.Context, h *Handshake) (Principal, error) { panic(long) })
	for name, c := range map[string]struct {
		a    Authenticator
		most int
	}{"refused": {repeating, 2000}, "a fault": {faulty, 2000}, "not allowed": {Origins("https://a.test"), 2000}, "a panic": {panics, 12_000}} {
		var log strings.Builder
		logger := slog.New(slog.NewJSONHandler(&log, nil))
		payload := fmt.Sprintf(`{"type":"REQUEST","methodArn":"arn","headers":{"Origin":%q},
			"requestContext":{"routeKey":"$connect","connectionId":"c"}}`, long)
		_, _ = NewAuthorizer(c.a, WithLogger(logger)).Invoke(t.Context(), []byte(payload))
		require.NotEmpty(t, log.String(), name)
		require.Less(t, log.Len(), c.most, name)
		require.Equal(t, name == "a panic", strings.Contains(log.String(), "goroutine"), "the stack of a panic is whole")

		_, err := AuthenticateConnect(c.a)(nil)(t.Context(), &gatesock.Request{
			EventType: gatesock.EventConnect, ConnectionID: "c", Header: http.Header{"Origin": {long}},
		})
		require.Error(t, err)
		require.Less(t, len(err.Error()), c.most+2000, "what the Router logs")

		e := NewCredentialExpiry(WithRenewals(NewMemoryRenewals(),
			VerifierFunc(func(context.Context, string) (Principal, error) {
				return Principal{}, fmt.Errorf("%w: %s", ErrUnauthenticated, long)
			})))
		e.used.Store(true)
		_, err = e.renew(t.Context(), &gatesock.Request{}, renewal{Token: "x"})
		require.Equal(t, gatesock.CodeUnauthenticated, gatesock.CodeOf(err))
		require.Less(t, len(err.Error()), 2000, "what the Router logs of a renewal")

		log.Reset()
		tickets := NewTickets(NewMemoryTickets(), WithLogger(logger))
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/ticket", nil)
		r.Header.Set("Origin", long)
		tickets.Handler(func(r *http.Request) (Principal, error) {
			return Principal{}, fmt.Errorf("%w: %s", ErrUnauthenticated, r.Header.Get("Origin"))
		}).ServeHTTP(httptest.NewRecorder(), r)
		require.Less(t, log.Len(), 2000)
	}
	_, err := NewAuthorizer(panics).Invoke(t.Context(), []byte(`{"type":"`+strings.Repeat("x", 5000)+`"}`))
	require.ErrorIs(t, err, errFault)
}
