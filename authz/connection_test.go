package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/wstest"
)

// onTheDay returns a time of the day of the tests.
func onTheDay(clock string) (time.Time, error) { return time.Parse(time.DateTime, "2000-01-01 "+clock) }

// tokens verifies "name/scope,scope/time": a token of name that expires at a time, of the day of the tests or as RFC 3339 has it.
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
	p := authz.Principal{ID: parts[0], Scopes: strings.Split(parts[1], ","), Roles: []string{"member"}, Attributes: map[string]string{"tenant": "t"}}
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

// counting is a store that counts what is read.
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
	r.Use(authz.AuthenticateConnect(authz.Bearer(authz.VerifierFunc(tokens))), authz.RestorePrincipal(store), conn.Track(store))
	gatesock.HandleReply(r, "whoami", whoami, authz.RequireScopes("read"))
	gatesock.Handle(r, "write", func(context.Context, *gatesock.Request, struct{}) error { return nil }, authz.RequireScopes("read", "write", "delete"))
	gatesock.Handle(r, "admin", func(context.Context, *gatesock.Request, struct{}) error { return nil }, authz.RequireRole("admin", "owner"))
	gatesock.Handle(r, "member", func(context.Context, *gatesock.Request, struct{}) error { return nil }, authz.RequireRole("owner", "member"))
	gatesock.Handle(r, "own", func(context.Context, *gatesock.Request, struct{}) error { return nil },
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
	require.Equal(t, "the scope write, delete is missing", ann.Request("write", nil).ExpectError(gatesock.CodePermissionDenied).Message)
	require.Equal(t, "the role admin or owner is missing", ann.Request("admin", nil).ExpectError(gatesock.CodePermissionDenied).Message)
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

// With an authorizer nothing is read: the gateway tells of the principal in every event.
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

// Track before Connect would register everybody as nobody in particular.
func TestConnectAfterTrackIsTold(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	store := conn.NewMemory()
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	r.Use(conn.Track(store), authz.AuthenticateConnect(authz.Bearer(authz.VerifierFunc(tokens))))
	require.Equal(t, 500, wstest.New(t, r).ConnectRefused(bearer("ann/read/")))
	require.Contains(t, log.String(), "give Connect to Router.Use before Track")
	for m, err := range conn.Members(t.Context(), store, conn.UserGroup("ann")) {
		t.Fatal("somebody is registered", m, err)
	}
}

// invoke passes an event to a router, and returns its answer.
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

// From the end of its credential on a connection receives nothing; a fresh one in time puts that off.
func TestExpiredConnectionsReceiveNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := conn.NewMemory()
		e := &authz.CredentialExpiry{Renewals: new(authz.MemoryRenewals), Verifier: authz.VerifierFunc(tokens)}
		r := gatesock.New()
		r.Use(authz.AuthenticateConnect(authz.Bearer(authz.VerifierFunc(tokens))), authz.RestorePrincipal(store), e.Middleware(), conn.Track(store))
		e.Handle(r)
		gatesock.HandleReply(r, "whoami", whoami)
		began := time.Now()
		event := func(kind, id, body string, header map[string]string) string {
			return invoke(t, r, kind, id, body, header, began)
		}
		until := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
		listening := func() []string {
			var ids []string
			for m, err := range conn.Members(t.Context(), store, conn.UserGroup("ann")) {
				require.NoError(t, err)
				ids = append(ids, m.ID)
			}
			return ids
		}
		for _, id := range []string{"renews", "silent"} {
			answer := event("CONNECT", id, "", map[string]string{"Authorization": "Bearer ann/read/" + until(time.Minute)})
			require.Contains(t, answer, `"statusCode":200`)
		}
		<-time.After(50 * time.Second) // virtual time
		answer := event("MESSAGE", "renews", `{"action":"authenticate","id":"1","token":"ann/read/`+until(time.Hour)+`"}`, nil)
		require.Contains(t, answer, "expires")
		require.ElementsMatch(t, []string{"renews", "silent"}, listening())
		<-time.After(10 * time.Second)
		require.Equal(t, []string{"renews"}, listening(), "an expired credential goes on receiving")
		answer = event("MESSAGE", "silent", `{"action":"authenticate","id":"1","token":"ann/read/`+until(time.Hour)+`"}`, nil)
		require.Contains(t, answer, "stale_connection", "too late: it has to connect again")
		<-time.After(time.Hour)
		require.Empty(t, listening())
	})
}

func TestDenyByDefault(t *testing.T) {
	t.Parallel()
	r := gatesock.New(gatesock.DenyByDefault())
	gatesock.HandleReply(r, "whoami", whoami)
	require.Panics(t, r.Freeze)
	for _, misuse := range []func(){
		func() { authz.RequireScopes() }, func() { authz.RequireScopes("a", "") }, func() { authz.RequireRole("a b") }, func() { authz.RequireFunc("", nil) },
		func() { authz.AuthenticateConnect(nil) }, func() { authz.RestorePrincipal(nil) }, func() { authz.NegotiateSubprotocol() }, func() { authz.NegotiateSubprotocol("") },
		func() { (&authz.CredentialExpiry{Verifier: authz.VerifierFunc(tokens)}).Middleware() }, func() { new(authz.CredentialExpiry).Handle(gatesock.New()) },
		func() { (&authz.Tickets{Store: new(authz.MemoryTickets)}).Handler(nil) },
		func() { (&authz.Tickets{Store: new(authz.MemoryTickets)}).Authenticator(nil) },
		func() { new(authz.Tickets).Authenticator() },
		func() {
			new(authz.Tickets).Handler(func(*http.Request) (authz.Principal, error) { return authz.Principal{}, nil })
		},
	} {
		require.Panics(t, misuse)
	}
}

func TestSubprotocol(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	r.Use(authz.AuthenticateConnect(authz.Bearer(authz.VerifierFunc(tokens), authz.SubprotocolToken())), authz.NegotiateSubprotocol("chat.v2", "chat.v1"))
	h := wstest.New(t, r)
	token := authz.ProtocolPrefix + "ann/read/"
	require.Equal(t, "chat.v1", h.Connect(wstest.WithSubprotocols("chat.v1", token)).Subprotocol())
	require.Equal(t, "chat.v2", h.Connect(wstest.WithSubprotocols(token, "chat.v1", "chat.v2")).Subprotocol())
	require.Equal(t, 400, h.ConnectRefused(wstest.WithSubprotocols(token)))
	require.Equal(t, 401, h.ConnectRefused(wstest.WithSubprotocols("chat.v1")))
	require.Equal(t, 401, h.ConnectRefused())
}

// The handler's own choice counts, and where none is offered none is chosen.
func TestSubprotocolOfTheHandler(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	r.Use(authz.NegotiateSubprotocol("a", "b"))
	r.OnConnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		return &gatesock.Reply{Subprotocol: req.Query.Get("choose")}, nil
	})
	h := wstest.New(t, r)
	require.Equal(t, "b", h.Connect(wstest.WithSubprotocols("a", "b"), wstest.WithQuery("choose", "b")).Subprotocol())
	require.Equal(t, "a", h.Connect(wstest.WithSubprotocols("a", "b")).Subprotocol())
	require.Empty(t, h.Connect().Subprotocol())
}

// closer closes connections of the harness.
type closer struct {
	mu     sync.Mutex
	closed []gatesock.Target
	err    error
}

func (c *closer) Disconnect(_ context.Context, from gatesock.Target) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = append(c.closed, from)
	return c.err
}

// renewals counts what is read.
type renewals struct {
	authz.MemoryRenewals

	loads int
	fail  error
}

func (r *renewals) Load(ctx context.Context, id string) (authz.Principal, error) {
	if r.loads++; r.fail != nil {
		return authz.Principal{}, r.fail
	}
	return r.MemoryRenewals.Load(ctx, id)
}

func (r *renewals) Save(ctx context.Context, id string, p authz.Principal) error {
	if r.fail != nil {
		return r.fail
	}
	return r.MemoryRenewals.Save(ctx, id, p)
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	now, err := onTheDay("10:00:00")
	require.NoError(t, err)
	var kept renewals
	e := &authz.CredentialExpiry{Renewals: &kept, Verifier: authz.VerifierFunc(tokens), Clock: func() time.Time { return now }}
	r := gatesock.New(gatesock.DenyByDefault())
	r.Use(e.Middleware())
	gatesock.HandleReply(r, "whoami", whoami, authz.RequireScopes("read"))
	e.Handle(r)
	h := wstest.New(t, r)
	ann := h.Connect(wstest.WithAuthorizerContext("ann", map[string]any{"scopes": "read", "exp": fmt.Sprint(now.Add(time.Hour).Unix())}))
	var me who
	ann.Request("whoami", nil).ExpectReply(&me)
	require.Zero(t, kept.loads, "nothing is read before its time")

	now = now.Add(time.Hour)
	require.Equal(t, "the credential has expired", ann.Request("whoami", nil).ExpectError(gatesock.CodeUnauthenticated).Message)
	for token, code := range map[string]gatesock.Code{
		"": gatesock.CodeInvalidArgument, " ": gatesock.CodeInvalidArgument, "x": gatesock.CodeUnauthenticated,
		"bob/read/12:00:00": gatesock.CodePermissionDenied, "ann/read/11:00:00": gatesock.CodeUnauthenticated, "fault": gatesock.CodeInternal,
	} {
		ann.Request("authenticate", map[string]string{"token": token}).ExpectError(code)
		ann.Request("whoami", nil).ExpectError(gatesock.CodeUnauthenticated)
	}
	var renewed authz.RenewReply
	ann.Request("authenticate", map[string]string{"token": "ann/read,write/12:00:00"}).ExpectReply(&renewed)
	require.Equal(t, now.Add(time.Hour), renewed.Expires)
	loads := kept.loads
	for range 3 {
		ann.Request("whoami", nil).ExpectReply(&me)
		require.Equal(t, []string{"read", "write"}, me.Scopes)
	}
	require.Equal(t, loads, kept.loads, "it is known here")

	eve := h.Connect(wstest.WithAuthorizerContext("eve", map[string]any{"exp": fmt.Sprint(now.Unix())}))
	for range 5 {
		eve.Request("whoami", nil).ExpectError(gatesock.CodeUnauthenticated)
	}
	require.Equal(t, loads+1, kept.loads, "a connection that was not renewed is looked up once a second")
	require.NoError(t, kept.MemoryRenewals.Save(t.Context(), eve.ID(), authz.Principal{ID: "ann", Scopes: []string{"read"}}))
	now = now.Add(time.Second)
	eve.Request("whoami", nil).ExpectError(gatesock.CodeUnauthenticated) // a renewal of another makes nobody that other
	now = now.Add(-time.Second)
	eve = h.Connect(wstest.WithAuthorizerContext("eve", map[string]any{"exp": fmt.Sprint(now.Unix())}))
	eve.Request("whoami", nil).ExpectError(gatesock.CodeUnauthenticated)
	require.NoError(t, kept.MemoryRenewals.Save(t.Context(), eve.ID(), authz.Principal{ID: "eve", Scopes: []string{"read"}}))
	now = now.Add(time.Second) // another process has renewed it
	eve.Request("whoami", nil).ExpectReply(&me)
	now = now.Add(-time.Second)

	now = now.Add(time.Hour)
	ann.Request("whoami", nil).ExpectError(gatesock.CodeUnauthenticated)
	var forever authz.RenewReply
	ann.Request("authenticate", map[string]string{"token": "ann/none/"}).ExpectReply(&forever)
	require.True(t, forever.Expires.IsZero())
	ann.Request("whoami", nil).ExpectError(gatesock.CodePermissionDenied)

	kept.fail = errors.New("down")
	bob := h.Connect(wstest.WithAuthorizerContext("bob", map[string]any{"exp": fmt.Sprint(now.Unix())}))
	bob.Request("whoami", nil).ExpectError(gatesock.CodeUnavailable)
	bob.Request("authenticate", map[string]string{"token": "bob/read/"}).ExpectError(gatesock.CodeUnavailable)
}

// Without Renewals nobody can send a fresh token: a route with that name is an ordinary one.
func TestExpiryWithoutRenewalsHasNoRouteForThem(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	r.Use(new(authz.CredentialExpiry).Middleware())
	gatesock.HandleReply(r, authz.DefaultRenewRoute, whoami)
	ann := wstest.New(t, r).Connect(wstest.WithAuthorizerContext("ann", map[string]any{"exp": "1"}))
	ann.Request(authz.DefaultRenewRoute, nil).ExpectError(gatesock.CodeUnauthenticated)
}

// Where there are no fresh tokens the connection can be closed.
func TestExpiryCloses(t *testing.T) {
	t.Parallel()
	c := &closer{}
	e := &authz.CredentialExpiry{Disconnector: c, Endpoint: func(*gatesock.Request) string { return "https://other.example.com" }}
	r := gatesock.New()
	r.Use(e.Middleware())
	gatesock.HandleReply(r, "whoami", whoami)
	h := wstest.New(t, r)
	ann := h.Connect(wstest.WithAuthorizerContext("ann", map[string]any{"exp": "1"}))
	ann.Request("whoami", nil).ExpectError(gatesock.CodeUnauthenticated)
	require.Equal(t, []gatesock.Target{{ConnectionID: ann.ID(), Endpoint: "https://other.example.com"}}, c.closed)
	c.err = errors.New("no")
	ann.Request("whoami", nil).ExpectError(gatesock.CodeUnauthenticated)
}

// The whole way: the emulated gateway asks the authorizer, and tells of the principal in every event.
func TestAuthorizerBehindTheGateway(t *testing.T) {
	t.Parallel()
	store := conn.NewMemory()
	r := gatesock.New(gatesock.DenyByDefault())
	r.Use(authz.NegotiateSubprotocol("chat.v1"), conn.Track(store))
	gatesock.HandleReply(r, "whoami", whoami, authz.RequireScopes("read"))
	admits := authz.All(authz.Origins("https://app.example.com"), authz.Bearer(authz.VerifierFunc(tokens), authz.SubprotocolToken(), authz.AuthorizationHeader()))
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

// Where the route is not what the action says, the action of a fresh token opens no other route.
func TestExpiryGoesByTheRoute(t *testing.T) {
	t.Parallel()
	e := &authz.CredentialExpiry{Renewals: new(authz.MemoryRenewals), Verifier: authz.VerifierFunc(tokens)}
	r := gatesock.New()
	r.Use(e.Middleware())
	gatesock.HandleReply(r, "whoami", whoami)
	e.Handle(r)
	for expression, body := range map[string]string{
		"$request.body.type":   `{"type":"whoami","action":"authenticate","id":"1","token":"ann/read/"}`,
		"$request.body.action": `{"action":"whoami","type":"authenticate","id":"1"}`,
	} {
		h := wstest.New(t, r, wstest.WithConfig(func(c *emulator.Config) { c.RouteSelectionExpression = expression }))
		ann := h.Connect(wstest.WithAuthorizerContext("ann", map[string]any{"exp": "1"}))
		ann.SendText(body)
		frames := ann.Frames()
		require.Len(t, frames, 1)
		require.Contains(t, frames[0].Text, `"code":"unauthenticated","message":"the credential has expired"`)
	}
}

// An API may do with $default, where the action alone says that a token comes.
func TestRenewalOverDefault(t *testing.T) {
	t.Parallel()
	e := &authz.CredentialExpiry{Renewals: new(authz.MemoryRenewals), Verifier: authz.VerifierFunc(tokens)}
	r := gatesock.New()
	r.Use(e.Middleware())
	gatesock.HandleReply(r, "whoami", whoami)
	e.Handle(r)
	h := wstest.New(t, r, wstest.WithConfig(func(c *emulator.Config) {
		c.Routes = []gatesock.Route{{Key: "$connect"}, {Key: "$disconnect"}, {Key: "$default", NeedsResponse: true}}
	}))
	ann := h.Connect(wstest.WithAuthorizerContext("ann", map[string]any{"exp": "1"}))
	ann.Request("whoami", nil).ExpectError(gatesock.CodeUnauthenticated)
	var renewed authz.RenewReply
	ann.Request("authenticate", map[string]string{"token": "ann/read/"}).ExpectReply(&renewed)
	var me who
	ann.Request("whoami", nil).ExpectReply(&me)
	require.Equal(t, "ann", me.ID)
}

// A process that has read a fresh token goes by it until its end, and then by what another process has saved meanwhile.
func TestExpiryReadsAgainWhenAFreshTokenEnds(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	kept := new(authz.MemoryRenewals)
	e := &authz.CredentialExpiry{Renewals: kept, Verifier: authz.VerifierFunc(tokens), Clock: func() time.Time { return now }}
	h := e.Middleware()(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	for _, scope := range []string{"first", "second"} {
		require.NoError(t, kept.Save(t.Context(), "a", authz.Principal{ID: "ann", Scopes: []string{scope}, ExpiresAt: now.Add(time.Minute)}))
		for range 2 {
			req := &gatesock.Request{
				EventType: gatesock.EventMessage, ConnectionID: "a", Authorizer: map[string]string{"principalId": "ann", "exp": "1"},
			}
			_, err := h(t.Context(), req)
			require.NoError(t, err)
			p, _ := authz.PrincipalFrom(req)
			require.Equal(t, []string{scope}, p.Scopes)
		}
		now = now.Add(time.Minute)
	}
}

// A principal that an event can't carry is refused: a scope with a space would be two.
func TestAFreshTokenIsCheckedAsThatOfTheHandshake(t *testing.T) {
	t.Parallel()
	kept := new(authz.MemoryRenewals)
	e := &authz.CredentialExpiry{Renewals: kept, Verifier: authz.VerifierFunc(func(context.Context, string) (authz.Principal, error) {
		return authz.Principal{ID: "ann", Scopes: []string{"read admin"}}, nil
	})}
	r := gatesock.New()
	r.Use(e.Middleware())
	e.Handle(r)
	ann := wstest.New(t, r).Connect(wstest.WithAuthorizerContext("ann", nil))
	ann.Request("authenticate", map[string]string{"token": "x"}).ExpectError(gatesock.CodeInternal)
	_, err := kept.Load(t.Context(), ann.ID())
	require.ErrorIs(t, err, authz.ErrNoRenewal)
}

// Behind an authorizer, too, a fresh token that comes after the end asks the client to connect again.
func TestAFreshTokenThatComesTooLate(t *testing.T) {
	t.Parallel()
	store := conn.NewMemory()
	e := &authz.CredentialExpiry{Renewals: new(authz.MemoryRenewals), Verifier: authz.VerifierFunc(tokens)}
	r := gatesock.New()
	r.Use(e.Middleware(), conn.Track(store))
	e.Handle(r)
	ann := wstest.New(t, r).Connect(wstest.WithAuthorizerContext("ann", nil))
	_, err := store.Delete(t.Context(), ann.ID())
	require.NoError(t, err)
	ann.Request("authenticate", map[string]string{"token": "ann/read/"}).ExpectError(gatesock.CodeStaleConnection)
}

// An Expiry that takes fresh tokens without its middleware would refuse nothing.
func TestAFreshTokenWithoutTheMiddlewareIsTold(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	e := &authz.CredentialExpiry{Renewals: new(authz.MemoryRenewals), Verifier: authz.VerifierFunc(tokens)}
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	e.Handle(r)
	ann := wstest.New(t, r).Connect(wstest.WithAuthorizerContext("ann", nil))
	ann.Request("authenticate", map[string]string{"token": "ann/read/"}).ExpectError(gatesock.CodeInternal)
	require.Contains(t, log.String(), "give Expiry.Middleware to Router.Use")
}
