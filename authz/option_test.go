package authz

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/eventmux"
)

// An option that a constructor does not take would have no effect, so it panics.
func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	clock, logger := WithClock(time.Now), WithLogger(slog.New(slog.DiscardHandler))
	for says, misuse := range map[string]func(){
		"NewAuthorizer does not take the option WithClock":             func() { NewAuthorizer(says(Principal{}, nil), clock) },
		"NewMemoryTickets does not take the option WithLogger":         func() { NewMemoryTickets(logger) },
		"NewMemoryRenewals does not take the option WithLogger":        func() { NewMemoryRenewals(logger) },
		"NewTickets does not take the option WithRenewals":             func() { NewTickets(NewMemoryTickets(), WithRenewals(NewMemoryRenewals(), VerifierFunc(echo))) },
		"NewCredentialExpiry does not take the option WithTicketTTL":   func() { NewCredentialExpiry(WithTicketTTL(time.Second)) },
		"DangerouslyAllowAnyOrigin does not take the option WithClock": func() { DangerouslyAllowAnyOrigin(clock) },
		"NewTickets: an option is nil":                                 func() { NewTickets(NewMemoryTickets(), nil) },
		"WithClock: now must not be nil":                               func() { WithClock(nil) },
		"WithLogger: l must not be nil":                                func() { WithLogger(nil) },
		"WithTicketTTL: the time to live must be positive, not 0s":     func() { WithTicketTTL(0) },
		"WithOrigins: p must not be nil":                               func() { WithOrigins(nil) },
		"WithRenewals: store and v must not be nil":                    func() { WithRenewals(NewMemoryRenewals(), nil) },
		"NewTickets does not take the option WithIdentitySources":      func() { NewTickets(NewMemoryTickets(), WithIdentitySources("context.stage")) },
		"WithIdentitySources needs at least one source":                func() { WithIdentitySources() },
		`WithIdentitySources: "Authorization": want route.request.header.NAME, route.request.querystring.NAME, stageVariables.NAME or context.NAME`: func() { WithIdentitySources("context.stage", "Authorization") },
		"WithDisconnector: the Disconnector must not be nil": func() { WithDisconnector(nil, nil) },
	} {
		require.PanicsWithValue(t, "authz: "+says, misuse)
	}
}

func TestIdentitySources(t *testing.T) {
	t.Parallel()
	require.Nil(t, NewAuthorizer(says(Principal{}, nil)).IdentitySources())
	sources := []string{"route.request.header.Authorization", "stageVariables.tenant"}
	z := NewAuthorizer(says(Principal{}, nil), WithIdentitySources(sources...))
	want := slices.Clone(sources)
	sources[0] = "changed"
	require.Equal(t, want, z.IdentitySources())
	require.Equal(t, want, eventmux.New(eventmux.Authorizer(z)).Describe().IdentitySources)
}

func TestScopesAreDescribed(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	r.OnDefault(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil },
		RequireScopes("chat", "admin"), RequireRole("owner"))
	require.Equal(t, []gatesock.Guard{{Name: "scope chat admin", Scopes: []string{"chat", "admin"}}, {Name: "role owner"}},
		r.Describe().Routes[1].Guards)
}

func TestTicketTTL(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tickets := NewTickets(NewMemoryTickets(), WithClock(func() time.Time { return now }), WithTicketTTL(time.Minute))
	_, expires, err := tickets.Issue(t.Context(), Principal{ID: "ann"}, "")
	require.NoError(t, err)
	require.Equal(t, now.Add(time.Minute), expires)
}

// The monotonic clock stands still while a process is frozen, so nothing may be compared by it.
func TestTimesAreOfTheWallClock(t *testing.T) {
	t.Parallel()
	s := newSettings("NewTickets", nil)
	require.NotContains(t, s.now().String(), "m=")
}
