package wstest_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

// tapped keeps requestContext.authorizer and requestContext.identity of a handler's events, byte
// for byte.
type tapped struct {
	*gatesock.Router
	mu   sync.Mutex
	kept []string
}

func (h *tapped) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	var e struct {
		RequestContext struct{ Authorizer, Identity json.RawMessage }
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.kept = append(h.kept, string(e.RequestContext.Authorizer)+string(e.RequestContext.Identity))
	h.mu.Unlock()
	return h.Router.Invoke(ctx, event)
}

// deployed is an application whose authorizer accepts one principal.
type deployed struct {
	*tapped
	authorizer lambda.Handler
}

func (d deployed) Describe() gatesock.Description {
	return gatesock.Description{Routes: d.tapped.Describe().Routes, Authorizer: true}
}

func (d deployed) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	if strings.HasPrefix(string(event), `{"type":"REQUEST",`) {
		return d.authorizer.Invoke(ctx, event)
	}
	return d.tapped.Invoke(ctx, event)
}

func newTapped() *tapped {
	r := gatesock.New()
	r.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return &gatesock.Reply{}, nil })
	r.OnDisconnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return &gatesock.Reply{}, nil })
	gatesock.Handle(r, "hi", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	return &tapped{Router: r}
}

// TestWithPrincipalEqualsAnAuthorizer compares the events of a client WithPrincipal with those of a
// client that an authorizer accepted as that principal.
func TestWithPrincipalEqualsAnAuthorizer(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]authz.Principal{
		"an id": {ID: "alice"},
		"everything": {
			ID: "<alice> \u2028 ü\"", Scopes: []string{"chat:write", "a<b"}, Roles: []string{"admin", "owner"},
			Attributes: map[string]string{"tenant": "t&\x01é", "scopes": "other", "principalId": "bob", "exp": "1", "a.b-c_d": ""},
			ExpiresAt:  time.Date(2036, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)), UsageKey: "usage-key-1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys := wstest.WithConfig(func(c *emulator.Config) {
				if p.UsageKey != "" {
					c.APIKeys = []emulator.APIKey{{ID: "key1", Value: p.UsageKey}}
					c.APIKeySelectionExpression = "$context.authorizer.usageIdentifierKey"
				}
			})
			want := newTapped()
			found := authz.AuthenticatorFunc(func(context.Context, *authz.Handshake) (authz.Principal, error) { return p, nil })
			use(wstest.New(t, deployed{want, authz.NewAuthorizer(found)}, keys).Connect())
			require.Len(t, want.kept, 3)
			require.Contains(t, want.kept[0], `"principalId"`)

			inMemory := newTapped()
			use(wstest.New(t, inMemory, keys).Connect(wstest.WithPrincipal(p)))
			require.Equal(t, want.kept, inMemory.kept)

			bySocket := newTapped()
			use(wstest.NewServer(t, bySocket, keys).Dial(t, wstest.WithPrincipal(p), wstest.WithHeader("User-Agent", "")))
			require.Len(t, bySocket.kept, 3)
			require.Equal(t, want.kept, bySocket.kept)
		})
	}
}

// use sends one message and closes the connection.
func use(c *wstest.Client) {
	c.Request("hi", nil).ExpectAck()
	c.Close(1000, "")
}

func TestWithPrincipalPassesGuards(t *testing.T) {
	t.Parallel()
	var now func() time.Time // of the harness
	r := gatesock.New()
	r.Use(authz.NewCredentialExpiry(authz.WithClock(func() time.Time { return now() })).Middleware())
	who := func(_ context.Context, req *gatesock.Request, _ struct{}) (authz.Principal, error) {
		p, _ := authz.PrincipalFrom(req)
		return p, nil
	}
	gatesock.HandleReply(r, "write", who, authz.RequireScopes("chat:write"))
	gatesock.HandleReply(r, "ban", who, authz.RequireRole("admin"))
	h := wstest.New(t, r)
	now = h.Now
	alice := authz.Principal{
		ID: "alice", Scopes: []string{"chat:write"}, Roles: []string{"admin"}, Attributes: map[string]string{"tenant": "t1"},
		ExpiresAt: h.Now().Add(5 * time.Minute).Truncate(time.Second).UTC(),
	}
	a := h.Connect(wstest.WithPrincipal(alice))
	bob := h.Connect(wstest.WithPrincipal(authz.Principal{ID: "bob", Scopes: []string{"chat:read"}}))
	nobody := h.Connect()
	for _, action := range []string{"write", "ban"} {
		var got authz.Principal
		a.Request(action, nil).ExpectReply(&got)
		require.Equal(t, alice, got)
		bob.Request(action, nil).ExpectError(gatesock.CodePermissionDenied)
		nobody.Request(action, nil).ExpectError(gatesock.CodeUnauthenticated)
	}
	h.Advance(5 * time.Minute)
	e := a.Request("write", nil).ExpectError(gatesock.CodeUnauthenticated)
	require.Contains(t, e.Message, "expired")
	require.Contains(t, a.String(), "alice (")
}

func TestWithPrincipalRefusesWhatAnAuthorizerWould(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		p    authz.Principal
		says string
	}{
		"no id":               {authz.Principal{}, "principal"},
		"a scope with spaces": {authz.Principal{ID: "alice", Scopes: []string{"a b"}}, "a b"},
		"an attribute's name": {authz.Principal{ID: "alice", Attributes: map[string]string{"a b": "x"}}, "a b"},
		"too large":           {authz.Principal{ID: "alice", Attributes: map[string]string{"big": strings.Repeat("x", 9000)}}, "8192"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, connect := range []func(ft *fakeTB){
				func(ft *fakeTB) { wstest.New(ft, script()).Connect(wstest.WithPrincipal(c.p)) },
				func(ft *fakeTB) { wstest.NewServer(ft, script()).Dial(ft, wstest.WithPrincipal(c.p)) },
			} {
				failures := runFake(t, connect)
				require.Len(t, failures, 1)
				require.Contains(t, failures[0], "an authorizer does not accept this principal")
				require.Contains(t, failures[0], c.says)
				require.Less(t, len(failures[0]), 2000)
			}
		})
	}
}

// TestWithPrincipalBypassesTheAuthorizer has an API whose own authorizer refuses everyone.
func TestWithPrincipalBypassesTheAuthorizer(t *testing.T) {
	t.Parallel()
	nobody := authz.AuthenticatorFunc(func(context.Context, *authz.Handshake) (authz.Principal, error) {
		return authz.Principal{}, authz.ErrForbidden
	})
	quiet := authz.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	h := wstest.New(t, deployed{newTapped(), authz.NewAuthorizer(nobody, quiet)})
	require.Equal(t, 403, h.ConnectRefused())
	for _, o := range []wstest.ConnectOption{wstest.WithUser("alice"), wstest.WithAuthorizerContext("alice", nil)} {
		use(h.Connect(o))
	}
}
