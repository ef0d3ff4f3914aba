package authz_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

// A client that may write attributes of its connection can't change its principal.
func TestRestoreTakesNothingFromTheApplication(t *testing.T) {
	t.Parallel()
	store := conn.NewMemory()
	principal := func(_ context.Context, req *gatesock.Request, _ struct{}) (authz.Principal, error) {
		p, _ := authz.PrincipalFrom(req)
		return p, nil
	}
	// Each process has a RestorePrincipal, which does not know what the others have read.
	process := func() *gatesock.Router {
		r := gatesock.New()
		r.Use(authz.AuthenticateConnect(authz.Bearer(authz.VerifierFunc(tokens))))
		r.Use(authz.RestorePrincipal(store), conn.Track(store))
		gatesock.Handle(r, "profile", func(ctx context.Context, req *gatesock.Request, set map[string]string) error {
			_, err := store.SetAttributes(ctx, req.ConnectionID, set, "exp")
			return err
		})
		gatesock.HandleReply(r, "me", principal)
		return r
	}
	exp := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	ann := wstest.New(t, process()).Connect(bearer("ann/read/" + exp.Format(time.RFC3339)))
	ann.Request("profile", map[string]string{
		"roles": "admin", "scopes": "delete", "attr.tenant": "other", "tenant": "other", "principalId": "root", "name": "Ann",
	}).ExpectAck()
	for _, name := range []string{conn.AuthorizerPrefix + "roles", conn.AuthorizerPrefix + "exp", conn.AuthorizerPrefix} {
		ann.Request("profile", map[string]string{name: "admin"}).ExpectError(gatesock.CodeInternal)
	}
	req := &gatesock.Request{EventType: gatesock.EventMessage, ConnectionID: ann.ID()}
	_, err := authz.RestorePrincipal(store)(noReply)(t.Context(), req)
	require.NoError(t, err)
	p, ok := authz.PrincipalFrom(req)
	require.True(t, ok)
	require.Equal(t, authz.Principal{
		ID: "ann", Scopes: []string{"read"}, Roles: []string{"member"}, Attributes: map[string]string{"tenant": "t"}, ExpiresAt: exp,
	}, p)
}

// With WithAttributes, values that an application takes from the handshake do not become part of
// the principal.
func TestRestoreBesideWithAttributes(t *testing.T) {
	t.Parallel()
	store := conn.NewMemory()
	track := conn.Track(store, conn.WithAttributes(func(req *gatesock.Request) map[string]string {
		return map[string]string{"roles": req.Query.Get("roles"), authz.APIKeyAttribute: req.Query.Get("key")}
	}))
	_, err := track(noReply)(t.Context(), &gatesock.Request{
		EventType: gatesock.EventConnect, ConnectionID: "a", Query: map[string][]string{"roles": {"admin"}, "key": {"another's"}},
		Authorizer: map[string]string{"principalId": "ann", "roles": "member"},
	})
	require.NoError(t, err)
	req := &gatesock.Request{EventType: gatesock.EventMessage, ConnectionID: "a"}
	_, err = authz.RestorePrincipal(store)(noReply)(t.Context(), req)
	require.NoError(t, err)
	p, _ := authz.PrincipalFrom(req)
	require.Equal(t, authz.Principal{ID: "ann", Scopes: []string{}, Roles: []string{}}, p)
	require.Empty(t, authz.AttributeFrom(req, authz.APIKeyAttribute))
}

// An attribute "key" of our own authorizer wins over a value "key" of another one.
func TestAttributeFrom(t *testing.T) {
	t.Parallel()
	req := &gatesock.Request{Authorizer: map[string]string{"principalId": "ann", "key": "foreign", "attr.key": "own", "tenant": "t"}}
	require.Equal(t, "own", authz.AttributeFrom(req, authz.APIKeyAttribute))
	require.Equal(t, "t", authz.AttributeFrom(req, "tenant"))
	require.Empty(t, authz.AttributeFrom(req, "none"))
}

// A page that connects with ?roles=admin can't use the routes of administrators, even if the
// application keeps its parameters.
func TestNobodyMakesThemselvesAnAdministrator(t *testing.T) {
	t.Parallel()
	store := conn.NewMemory()
	r := gatesock.New()
	r.Use(authz.AuthenticateConnect(authz.Bearer(authz.VerifierFunc(tokens))), authz.RestorePrincipal(store),
		conn.Track(store, conn.WithAttributes(func(req *gatesock.Request) map[string]string {
			attributes := make(map[string]string)
			for name := range req.Query {
				attributes[name] = req.Query.Get(name)
			}
			return attributes
		})))
	gatesock.Handle(r, "admin", func(context.Context, *gatesock.Request, struct{}) error { return nil }, authz.RequireRole("admin"))
	h := wstest.New(t, r)
	h.Connect(bearer("ann/read/"), wstest.WithQuery("roles", "admin")).Request("admin", nil).ExpectError(gatesock.CodePermissionDenied)
	require.Equal(t, 500, h.ConnectRefused(bearer("ann/read/"), wstest.WithQuery(conn.AuthorizerPrefix+"roles", "admin")))
}

// Before RestorePrincipal no event has a principal, and CredentialExpiry would let all of them
// pass.
func TestExpiryBeforeRestoreIsLogged(t *testing.T) {
	t.Parallel()
	store := conn.NewMemory()
	r := gatesock.New()
	r.Use(authz.AuthenticateConnect(authz.Bearer(authz.VerifierFunc(tokens))))
	r.Use(authz.NewCredentialExpiry().Middleware(), authz.RestorePrincipal(store), conn.Track(store))
	gatesock.HandleReply(r, "whoami", whoami)
	e := wstest.New(t, r).Connect(bearer("ann/read/")).Request("whoami", nil).ExpectError(gatesock.CodeInternal)
	require.Equal(t, "could not be authenticated", e.Message)
}

// A client that floods an unregistered connection causes one read a second.
func TestRestoreLooksForAMissingRecordOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &counting{Store: conn.NewMemory()}
		h := authz.RestorePrincipal(store)(noReply)
		ask := func() {
			_, err := h(t.Context(), &gatesock.Request{EventType: gatesock.EventMessage, ConnectionID: "gone"})
			require.Equal(t, gatesock.CodeStaleConnection, gatesock.CodeOf(err))
			require.ErrorIs(t, err, conn.ErrNotFound)
		}
		for range 100 {
			ask()
		}
		require.EqualValues(t, 1, store.gets.Load())
		<-time.After(time.Second) // virtual time
		ask()
		require.EqualValues(t, 2, store.gets.Load())
		_, err := h(t.Context(), &gatesock.Request{EventType: gatesock.EventDisconnect, ConnectionID: "gone"})
		require.NoError(t, err, "a $disconnect goes on")
	})
}

// A principal is forgotten when its record expires.
func TestRestoreForgetsWhatHasExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := conn.NewMemory()
		require.NoError(t, store.Put(t.Context(), conn.Conn{ID: "a", User: "ann", ExpiresAt: time.Now().Add(time.Minute)}))
		h := authz.RestorePrincipal(store)(noReply)
		ask := func() error {
			_, err := h(t.Context(), &gatesock.Request{EventType: gatesock.EventMessage, ConnectionID: "a"})
			return err
		}
		require.NoError(t, ask())
		<-time.After(time.Minute) // virtual time
		require.Equal(t, gatesock.CodeStaleConnection, gatesock.CodeOf(ask()))
	})
}

func noReply(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil }
