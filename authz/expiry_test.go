package authz_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

// A connection receives nothing after its credential has expired; a fresh one in time extends it.
func TestExpiredConnectionsReceiveNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := conn.NewMemory()
		e := authz.NewCredentialExpiry(authz.WithRenewals(authz.NewMemoryRenewals(), authz.VerifierFunc(tokens)))
		r := gatesock.New()
		r.Use(authz.AuthenticateConnect(authz.Bearer(authz.VerifierFunc(tokens))), authz.RestorePrincipal(store))
		r.Use(e.Middleware(), conn.Track(store))
		e.Handle(r, "authenticate")
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

// renewReply is the reply to a fresh token, as clients decode it.
type renewReply struct{ Expires time.Time }

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

// renewals counts reads.
type renewals struct {
	authz.RenewalStore

	loads int
	fail  error
}

func (r *renewals) Load(ctx context.Context, id string) (authz.Principal, error) {
	if r.loads++; r.fail != nil {
		return authz.Principal{}, r.fail
	}
	return r.RenewalStore.Load(ctx, id)
}

func (r *renewals) Save(ctx context.Context, id string, p authz.Principal) error {
	if r.fail != nil {
		return r.fail
	}
	return r.RenewalStore.Save(ctx, id, p)
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	now, err := onTheDay("10:00:00")
	require.NoError(t, err)
	kept := renewals{RenewalStore: authz.NewMemoryRenewals()}
	clock := authz.WithClock(func() time.Time { return now })
	e := authz.NewCredentialExpiry(authz.WithRenewals(&kept, authz.VerifierFunc(tokens)), clock)
	r := gatesock.New(gatesock.DenyByDefault())
	r.Use(e.Middleware())
	gatesock.HandleReply(r, "whoami", whoami, authz.RequireScopes("read"))
	e.Handle(r, "authenticate")
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
	var renewed renewReply
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
	require.NoError(t, kept.RenewalStore.Save(t.Context(), eve.ID(), authz.Principal{ID: "ann", Scopes: []string{"read"}}))
	now = now.Add(time.Second)
	eve.Request("whoami", nil).ExpectError(gatesock.CodeUnauthenticated) // a renewal of another makes nobody that other
	now = now.Add(-time.Second)
	eve = h.Connect(wstest.WithAuthorizerContext("eve", map[string]any{"exp": fmt.Sprint(now.Unix())}))
	eve.Request("whoami", nil).ExpectError(gatesock.CodeUnauthenticated)
	require.NoError(t, kept.RenewalStore.Save(t.Context(), eve.ID(), authz.Principal{ID: "eve", Scopes: []string{"read"}}))
	now = now.Add(time.Second) // another process has renewed it
	eve.Request("whoami", nil).ExpectReply(&me)
	now = now.Add(-time.Second)

	now = now.Add(time.Hour)
	ann.Request("whoami", nil).ExpectError(gatesock.CodeUnauthenticated)
	var forever renewReply
	ann.Request("authenticate", map[string]string{"token": "ann/none/"}).ExpectReply(&forever)
	require.True(t, forever.Expires.IsZero())
	ann.Request("whoami", nil).ExpectError(gatesock.CodePermissionDenied)

	kept.fail = errors.New("down")
	bob := h.Connect(wstest.WithAuthorizerContext("bob", map[string]any{"exp": fmt.Sprint(now.Unix())}))
	bob.Request("whoami", nil).ExpectError(gatesock.CodeUnavailable)
	bob.Request("authenticate", map[string]string{"token": "bob/read/"}).ExpectError(gatesock.CodeUnavailable)
}

// Without WithRenewals no action is exempt from the check.
func TestExpiryWithoutRenewalsHasNoRouteForThem(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	r.Use(authz.NewCredentialExpiry().Middleware())
	gatesock.HandleReply(r, "authenticate", whoami)
	ann := wstest.New(t, r).Connect(wstest.WithAuthorizerContext("ann", map[string]any{"exp": "1"}))
	ann.Request("authenticate", nil).ExpectError(gatesock.CodeUnauthenticated)
}

// With a Disconnector the connection is closed.
func TestExpiryCloses(t *testing.T) {
	t.Parallel()
	c := &closer{}
	e := authz.NewCredentialExpiry(authz.WithDisconnector(c, func(*gatesock.Request) string {
		return "https://other.example.com"
	}), authz.WithLogger(slog.New(slog.DiscardHandler)))
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

// The exemption for fresh tokens goes by the route, not by a member of the message.
func TestExpiryGoesByTheRoute(t *testing.T) {
	t.Parallel()
	e := authz.NewCredentialExpiry(authz.WithRenewals(authz.NewMemoryRenewals(), authz.VerifierFunc(tokens)))
	r := gatesock.New()
	r.Use(e.Middleware())
	gatesock.HandleReply(r, "whoami", whoami)
	e.Handle(r, "authenticate")
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

// An API may have no routes but $default, where only the action marks a fresh token.
func TestRenewalOverDefault(t *testing.T) {
	t.Parallel()
	e := authz.NewCredentialExpiry(authz.WithRenewals(authz.NewMemoryRenewals(), authz.VerifierFunc(tokens)))
	r := gatesock.New()
	r.Use(e.Middleware())
	gatesock.HandleReply(r, "whoami", whoami)
	e.Handle(r, "authenticate")
	h := wstest.New(t, r, wstest.WithConfig(func(c *emulator.Config) {
		c.Routes = []gatesock.Route{{Key: "$connect"}, {Key: "$disconnect"}, {Key: "$default", NeedsResponse: true}}
	}))
	ann := h.Connect(wstest.WithAuthorizerContext("ann", map[string]any{"exp": "1"}))
	ann.Request("whoami", nil).ExpectError(gatesock.CodeUnauthenticated)
	var renewed renewReply
	ann.Request("authenticate", map[string]string{"token": "ann/read/"}).ExpectReply(&renewed)
	var me who
	ann.Request("whoami", nil).ExpectReply(&me)
	require.Equal(t, "ann", me.ID)
}

// A process uses the fresh token that it has read until it expires, and then the one that another
// process has saved.
func TestExpiryReadsAgainWhenAFreshTokenEnds(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	kept := authz.NewMemoryRenewals()
	clock := authz.WithClock(func() time.Time { return now })
	e := authz.NewCredentialExpiry(authz.WithRenewals(kept, authz.VerifierFunc(tokens)), clock)
	h := e.Middleware()(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	for _, scope := range []string{"first", "second"} {
		fresh := authz.Principal{ID: "ann", Scopes: []string{scope}, ExpiresAt: now.Add(time.Minute)}
		require.NoError(t, kept.Save(t.Context(), "a", fresh))
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

// A fresh token whose principal events can't carry is refused: a scope with a space would become
// two.
func TestAFreshTokenIsCheckedAsThatOfTheHandshake(t *testing.T) {
	t.Parallel()
	kept := authz.NewMemoryRenewals()
	twoWords := func(context.Context, string) (authz.Principal, error) {
		return authz.Principal{ID: "ann", Scopes: []string{"read admin"}}, nil
	}
	e := authz.NewCredentialExpiry(authz.WithRenewals(kept, authz.VerifierFunc(twoWords)))
	r := gatesock.New()
	r.Use(e.Middleware())
	e.Handle(r, "authenticate")
	ann := wstest.New(t, r).Connect(wstest.WithAuthorizerContext("ann", nil))
	ann.Request("authenticate", map[string]string{"token": "x"}).ExpectError(gatesock.CodeInternal)
	_, err := kept.Load(t.Context(), ann.ID())
	require.ErrorIs(t, err, authz.ErrNoRenewal)
}

// Behind an authorizer, too, a client whose fresh token comes too late is asked to connect again.
func TestAFreshTokenThatComesTooLate(t *testing.T) {
	t.Parallel()
	store := conn.NewMemory()
	e := authz.NewCredentialExpiry(authz.WithRenewals(authz.NewMemoryRenewals(), authz.VerifierFunc(tokens)))
	r := gatesock.New()
	r.Use(e.Middleware(), conn.Track(store))
	e.Handle(r, "authenticate")
	ann := wstest.New(t, r).Connect(wstest.WithAuthorizerContext("ann", nil))
	_, err := store.Delete(t.Context(), ann.ID())
	require.NoError(t, err)
	ann.Request("authenticate", map[string]string{"token": "ann/read/"}).ExpectError(gatesock.CodeStaleConnection)
}

// A CredentialExpiry that takes fresh tokens without its middleware would refuse nothing.
func TestAFreshTokenWithoutTheMiddlewareIsTold(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	e := authz.NewCredentialExpiry(authz.WithRenewals(authz.NewMemoryRenewals(), authz.VerifierFunc(tokens)))
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	e.Handle(r, "authenticate")
	ann := wstest.New(t, r).Connect(wstest.WithAuthorizerContext("ann", nil))
	ann.Request("authenticate", map[string]string{"token": "ann/read/"}).ExpectError(gatesock.CodeInternal)
	require.Contains(t, log.String(), "give CredentialExpiry.Middleware to Router.Use")
}
