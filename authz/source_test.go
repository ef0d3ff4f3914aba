package authz

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// echo accepts every token, as the ID of its principal.
func echo(_ context.Context, token string) (Principal, error) { return Principal{ID: token}, nil }

func TestSources(t *testing.T) {
	t.Parallel()
	h := &Handshake{
		Header: http.Header{
			"Authorization": {"bearer  abc"}, "X-Api-Key": {" k "}, "Cookie": {"a=1; bad", `prefs={"a":"b, c"}; b\\ad; session="s"; session=other`},
			"Sec-Websocket-Protocol": {"chat.v1, bearer.tok", "bearer.second"},
		},
		Query: url.Values{"token": {"q"}, "empty": {""}},
	}
	for want, source := range map[string]Source{
		"abc": AuthorizationHeader(), "k": Header("x-api-key"), "q": QueryParameter("token"), "s": Cookie("session"), "tok": SubprotocolToken(),
	} {
		p, err := Bearer(VerifierFunc(echo), QueryParameter("empty"), source, QueryParameter("token")).Authenticate(t.Context(), h)
		require.NoError(t, err)
		require.Equal(t, want, p.ID)
	}
	for _, none := range []Source{Header("X-None"), QueryParameter("empty"), Cookie("none")} {
		_, err := Bearer(VerifierFunc(echo), none).Authenticate(t.Context(), h)
		require.ErrorIs(t, err, ErrNoCredential)
	}
	h.Header.Set("Authorization", "Basic abc")
	_, err := Bearer(VerifierFunc(echo)).Authenticate(t.Context(), h)
	require.ErrorIs(t, err, ErrNoCredential)
	_, err = Bearer(VerifierFunc(echo), SubprotocolToken(), Cookie("a")).Authenticate(t.Context(), &Handshake{})
	require.ErrorIs(t, err, ErrNoCredential, "a handshake without anything")
	for _, misuse := range []func(){
		func() { Bearer(nil) }, func() { Bearer(VerifierFunc(echo), nil) },
		func() { Header("") }, func() { QueryParameter("") }, func() { Cookie("") },
	} {
		require.Panics(t, misuse)
	}
}

func TestProtocol(t *testing.T) {
	t.Parallel()
	const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
	for _, c := range []struct {
		offered string
		own     []string
		want    string
	}{
		{"chat.v1, bearer.tok", nil, "tok"},
		{"bearer.tok, chat.v1", nil, "tok"},
		{"bearer, tok", nil, "tok"},
		{"chat.v1, bearer, tok", nil, "tok"},
		{"bearer, " + jwt + ", chat.v1", nil, jwt},
		{"chat.v1, " + jwt, nil, jwt},
		{jwt, nil, jwt},
		{"chat.v1, gs_1_secret", nil, ""},
		{"chat.v1, gs_1_secret", []string{"chat.v1"}, "gs_1_secret"},
		{"gs_1_secret", []string{"chat.v1"}, "gs_1_secret"},
		{"chat.v1", []string{"chat.v1"}, ""},
		{"chat.v1, bearer", []string{"chat.v1"}, ""},
		{"tok, bearer", nil, ""},
		{"bearer.", []string{"chat.v1"}, ""},
		{"bearer.first, bearer, second, " + jwt, nil, "first"},
		{"", []string{"chat.v1"}, ""},
	} {
		h := &Handshake{Header: http.Header{"Sec-Websocket-Protocol": {c.offered}}}
		require.Equal(t, c.want, SubprotocolToken(c.own...)(h), "%q, own %q", c.offered, c.own)
	}
}

// A Source may be any function.
func TestOwnSource(t *testing.T) {
	t.Parallel()
	own := func(h *Handshake) string { return h.StageVariables["token"] }
	h := &Handshake{StageVariables: map[string]string{"token": "s"}}
	p, err := Bearer(VerifierFunc(echo), own).Authenticate(t.Context(), h)
	require.NoError(t, err)
	require.Equal(t, "s", p.ID)
}

// The user 7 and the owner 7 of a key are two principals.
func TestPrefixIDs(t *testing.T) {
	t.Parallel()
	who := Any(Bearer(PrefixIDs("user:", VerifierFunc(echo))), Bearer(PrefixIDs("key:", VerifierFunc(echo)), Header("X-Api-Key")))
	for header, want := range map[string]string{"Authorization": "user:7", "X-Api-Key": "key:7"} {
		h := &Handshake{Header: http.Header{header: {map[string]string{"Authorization": "Bearer 7", "X-Api-Key": "7"}[header]}}}
		p, err := who.Authenticate(t.Context(), h)
		require.NoError(t, err)
		require.Equal(t, want, p.ID)
	}
	answers := func(err error) Verifier {
		return VerifierFunc(func(context.Context, string) (Principal, error) { return Principal{}, err })
	}
	_, err := PrefixIDs("x", answers(ErrForbidden)).Verify(t.Context(), "")
	require.ErrorIs(t, err, ErrForbidden)
	p, err := PrefixIDs("x", answers(nil)).Verify(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, p.ID, "nobody is not somebody with a prefix")
	require.Panics(t, func() { PrefixIDs("", VerifierFunc(echo)) })
	require.Panics(t, func() { PrefixIDs("x", nil) })
}

func says(p Principal, err error) Authenticator {
	return AuthenticatorFunc(func(context.Context, *Handshake) (Principal, error) { return p, err })
}

func TestAllAndAny(t *testing.T) {
	t.Parallel()
	fault := errors.New("fault")
	ann, bob := says(Principal{ID: "ann", Scopes: []string{"a"}}, nil), says(Principal{ID: "bob"}, nil)
	none, bad, yes := says(Principal{}, ErrNoCredential), says(Principal{}, ErrUnauthenticated), says(Principal{}, nil)
	for _, c := range []struct {
		name string
		a    Authenticator
		id   string
		err  error
	}{
		{"all agree", All(yes, ann, yes), "ann", nil},
		{"one refuses", All(ann, bad), "", ErrUnauthenticated},
		{"two people", All(ann, bob), "", ErrUnauthenticated},
		{"any: the first", Any(ann, bob), "ann", nil},
		{"any: the first that has one", Any(none, bob, ann), "bob", nil},
		{"any: a bad one is final", Any(bad, ann), "", ErrUnauthenticated},
		{"any: a fault is final", Any(says(Principal{}, fault), ann), "", fault},
		{"any: nobody has one", Any(none, none), "", ErrNoCredential},
		{"nested", All(yes, Any(none, ann)), "ann", nil},
	} {
		p, err := c.a.Authenticate(t.Context(), &Handshake{})
		require.ErrorIs(t, err, c.err, c.name)
		require.Equal(t, c.id, p.ID, c.name)
	}
	for _, misuse := range []func(){func() { All() }, func() { Any() }, func() { All(ann, nil) }} {
		require.Panics(t, misuse)
	}
}
