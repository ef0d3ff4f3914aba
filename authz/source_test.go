package authz

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// echo verifies every token, as of the principal of that name.
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
		"abc": AuthorizationHeader(), "k": Header("x-api-key"), "q": QueryParameter("token"), "s": Cookie("session"), "tok": Protocol(),
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
	_, err = Bearer(VerifierFunc(echo), Protocol(), Cookie("a")).Authenticate(t.Context(), &Handshake{})
	require.ErrorIs(t, err, ErrNoCredential, "a handshake without anything")
	for _, misuse := range []func(){
		func() { Bearer(nil) }, func() { Bearer(VerifierFunc(echo), nil) }, func() { Header("") }, func() { QueryParameter("") }, func() { Cookie("") },
	} {
		require.Panics(t, misuse)
	}
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
