package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/wstest"
)

// onTheDay returns a time of day on the date of the tests.
func onTheDay(clock string) (time.Time, error) { return time.Parse(time.DateTime, "2000-01-01 "+clock) }

// tokens verifies "name/scope,scope/time": a token of name that expires at a time of day or at a
// time in the format of RFC 3339.
func tokens(_ context.Context, token string) (authz.Principal, error) {
	parts := strings.SplitN(token, "/", 3)
	switch {
	case token == "fault":
		return authz.Principal{}, errors.New("the database is down")
	case token == "banned":
		return authz.Principal{}, fmt.Errorf("%w: banned", authz.ErrForbidden)
	case token == "often":
		return authz.Principal{}, gatesock.Errorf(gatesock.CodeRateLimited, "slow down")
	case len(parts) != 3:
		return authz.Principal{}, fmt.Errorf("%w: %d parts", authz.ErrUnauthenticated, len(parts))
	}
	p := authz.Principal{
		ID: parts[0], Scopes: strings.Split(parts[1], ","), Roles: []string{"member"},
		Attributes: map[string]string{"tenant": "t"},
	}
	if parts[2] != "" {
		at, err := onTheDay(parts[2])
		if err != nil {
			at, err = time.Parse(time.RFC3339, parts[2])
		}
		if err != nil {
			return authz.Principal{}, fmt.Errorf("%w: %w", authz.ErrUnauthenticated, err)
		}
		p.ExpiresAt = at
	}
	return p, nil
}

func bearer(token string) wstest.ConnectOption {
	return wstest.WithHeader("Authorization", "Bearer "+token)
}

type who struct {
	ID     string
	Scopes []string
	Tenant string
}

func whoami(_ context.Context, req *gatesock.Request, _ struct{}) (who, error) {
	p, _ := authz.PrincipalFrom(req)
	return who{p.ID, p.Scopes, p.Attributes["tenant"]}, nil
}

// counting is a store that counts reads.
type counting struct {
	conn.Store

	gets atomic.Int64
	fail atomic.Bool
}

func (c *counting) Get(ctx context.Context, id string) (conn.Conn, error) {
	c.gets.Add(1)
	if c.fail.Load() {
		return conn.Conn{}, errors.New("the table is gone")
	}
	return c.Store.Get(ctx, id)
}

func TestConnect(t *testing.T) {
	t.Parallel()
	store := &counting{Store: conn.NewMemory()}
	var left []string
	r := gatesock.New()
	bearerTokens := authz.Bearer(authz.VerifierFunc(tokens))
	r.Use(authz.AuthenticateConnect(bearerTokens), authz.RestorePrincipal(store), conn.Track(store))
	gatesock.HandleReply(r, "whoami", whoami, authz.RequireScopes("read"))
	nothing := func(context.Context, *gatesock.Request, struct{}) error { return nil }
	gatesock.Handle(r, "write", nothing, authz.RequireScopes("read", "write", "delete"))
	gatesock.Handle(r, "admin", nothing, authz.RequireRole("admin", "owner"))
	gatesock.Handle(r, "member", nothing, authz.RequireRole("owner", "member"))
	gatesock.Handle(r, "own", nothing,
		authz.RequireFunc("tenant", func(_ context.Context, _ *gatesock.Request, p authz.Principal) error {
			if p.Attributes["tenant"] != "t" {
				return gatesock.Errorf(gatesock.CodeNotFound, "no such tenant")
			}
			return nil
		}))
	r.OnDisconnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		left = append(left, req.PrincipalID())
		return nil, nil
	})
	h := wstest.New(t, r)
	for token, status := range map[string]int{"": 401, "x": 401, "banned": 403, "often": 429, "fault": 500, "a b//": 101} {
		if status != 101 {
			require.Equal(t, status, h.ConnectRefused(bearer(token)), token)
		}
	}
	ann := h.Connect(bearer("ann/read,say/"))
	for range 3 {
		var me who
		ann.Request("whoami", nil).ExpectReply(&me)
		require.Equal(t, who{"ann", []string{"read", "say"}, "t"}, me)
	}
	for action, message := range map[string]string{
		"write": "the scopes write, delete are missing", "admin": "the role admin or owner is missing",
	} {
		require.Equal(t, message, ann.Request(action, nil).ExpectError(gatesock.CodePermissionDenied).Message)
	}
	ann.Request("member", nil).ExpectAck()
	ann.Request("own", nil).ExpectAck()
	require.EqualValues(t, 1, store.gets.Load(), "a connection is looked up once")
	ann.Close(1000, "")
	require.Equal(t, []string{"ann"}, left)

	bob := h.Connect(bearer("bob/read/"))
	store.fail.Store(true)
	bob.Request("whoami", nil).ExpectError(gatesock.CodeUnavailable)
	store.fail.Store(false)
	_, err := store.Delete(t.Context(), bob.ID())
	require.NoError(t, err)
	bob.Request("whoami", nil).ExpectError(gatesock.CodeStaleConnection)
}

// With an authorizer nothing is read: every event carries the principal.
func TestGuardsBehindAnAuthorizer(t *testing.T) {
	t.Parallel()
	store := &counting{Store: conn.NewMemory()}
	r := gatesock.New(gatesock.DenyByDefault())
	r.Use(authz.RestorePrincipal(store), conn.Track(store))
	gatesock.HandleReply(r, "whoami", whoami, authz.RequireScopes("read"))
	gatesock.HandleReply(r, "open", whoami, authz.AllowAnyone())
	gatesock.HandleReply(r, "known", whoami, authz.RequirePrincipal())
	h := wstest.New(t, r)
	ann := h.Connect(wstest.WithAuthorizerContext("ann", map[string]any{"scopes": "read", "attr.tenant": "t"}))
	var me who
	ann.Request("whoami", nil).ExpectReply(&me)
	require.Equal(t, who{"ann", []string{"read"}, "t"}, me)
	require.Zero(t, store.gets.Load())

	stranger := h.Connect()
	stranger.Request("open", nil).ExpectReply(&me)
	stranger.Request("known", nil).ExpectError(gatesock.CodeUnauthenticated)
	stranger.Request("whoami", nil).ExpectError(gatesock.CodeUnauthenticated)
}

// Track before AuthenticateConnect would register connections without their principals.
func TestConnectAfterTrackIsTold(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	store := conn.NewMemory()
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	r.Use(conn.Track(store), authz.AuthenticateConnect(authz.Bearer(authz.VerifierFunc(tokens))))
	require.Equal(t, 500, wstest.New(t, r).ConnectRefused(bearer("ann/read/")))
	require.Contains(t, log.String(), "give AuthenticateConnect to Router.Use before Track")
	for m, err := range conn.Members(t.Context(), store, conn.UserGroup("ann")) {
		t.Fatal("somebody is registered", m, err)
	}
}

// invoke passes an event to a router and returns the answer.
func invoke(t *testing.T, r *gatesock.Router, kind, id, body string, header map[string]string, began time.Time) string {
	t.Helper()
	route := map[string]string{"CONNECT": gatesock.RouteConnect}[kind]
	if route == "" {
		route = "$default"
	}
	payload, err := json.Marshal(map[string]any{"headers": header, "body": body, "requestContext": map[string]any{
		"routeKey": route, "eventType": kind, "connectionId": id, "connectedAt": began.UnixMilli(), "requestTimeEpoch": time.Now().UnixMilli(),
	}})
	require.NoError(t, err)
	answer, err := r.Invoke(t.Context(), payload)
	require.NoError(t, err)
	return string(answer)
}

func TestDenyByDefault(t *testing.T) {
	t.Parallel()
	r := gatesock.New(gatesock.DenyByDefault())
	gatesock.HandleReply(r, "whoami", whoami)
	require.Panics(t, r.Freeze)
	renewing := authz.NewCredentialExpiry(authz.WithRenewals(authz.NewMemoryRenewals(), authz.VerifierFunc(tokens)))
	tickets := authz.NewTickets(authz.NewMemoryTickets())
	for _, misuse := range []func(){
		func() { authz.RequireScopes() }, func() { authz.RequireScopes("a", "") }, func() { authz.RequireRole("a b") },
		func() { authz.RequireFunc("", nil) }, func() { authz.RequireFunc("x", nil) },
		func() { authz.AuthenticateConnect(nil) }, func() { authz.RestorePrincipal(nil) },
		func() { authz.NegotiateSubprotocol() }, func() { authz.NegotiateSubprotocol("") },
		func() { authz.NewCredentialExpiry().Handle(gatesock.New(), "authenticate") },
		func() { renewing.Handle(gatesock.New(), "") },
		func() { renewing.Handle(gatesock.New(), "a"); renewing.Handle(gatesock.New(), "b") },
		func() { authz.NewTickets(nil) }, func() { tickets.Handler(nil) }, func() { tickets.Authenticator(nil) },
	} {
		require.Panics(t, misuse)
	}
}

// The emulated gateway asks the authorizer, and carries the principal in every event.
func TestAuthorizerBehindTheGateway(t *testing.T) {
	t.Parallel()
	store := conn.NewMemory()
	r := gatesock.New(gatesock.DenyByDefault())
	r.Use(authz.NegotiateSubprotocol("chat.v1"), conn.Track(store))
	gatesock.HandleReply(r, "whoami", whoami, authz.RequireScopes("read"))
	admits := authz.All(
		authz.Origins("https://app.example.com"),
		authz.Bearer(authz.VerifierFunc(tokens), authz.SubprotocolToken(), authz.AuthorizationHeader()),
	)
	h := wstest.New(t, eventmux.New(eventmux.WebSocket(r), eventmux.Authorizer(authz.NewAuthorizer(admits))))
	for token, status := range map[string]int{"": 401, "x": 401, "banned": 403, "often": 403, "fault": 500} {
		require.Equal(t, status, h.ConnectRefused(bearer(token)), token)
	}
	require.Equal(t, 403, h.ConnectRefused(bearer("ann/read/"), wstest.WithHeader("Origin", "https://app.example.com.evil.test")))
	ann := h.Connect(wstest.WithSubprotocols("chat.v1", "bearer.ann/read/"), wstest.WithHeader("Origin", "https://app.example.com"))
	require.Equal(t, "chat.v1", ann.Subprotocol())
	var me who
	ann.Request("whoami", nil).ExpectReply(&me)
	require.Equal(t, who{"ann", []string{"read"}, "t"}, me)
	c, err := store.Get(t.Context(), ann.ID())
	require.NoError(t, err)
	require.Equal(t, "ann", c.User)
	require.Equal(t, map[string]string{"scopes": "read", "roles": "member", "attr.tenant": "t"}, c.Authorizer())
}
