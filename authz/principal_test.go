package authz

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
)

// A principal survives the way through an authorizer's context and an event.
func TestPrincipalTravels(t *testing.T) {
	t.Parallel()
	word := rapid.StringMatching(`[!-~äöü]{1,8}`)
	rapid.Check(t, func(t *rapid.T) {
		p := Principal{
			ID:         rapid.StringN(1, 20, -1).Filter(utf8.ValidString).Draw(t, "id"),
			Scopes:     rapid.SliceOfN(word, 0, 4).Draw(t, "scopes"),
			Roles:      rapid.SliceOfN(word, 0, 4).Draw(t, "roles"),
			Attributes: rapid.MapOfN(rapid.StringMatching(`[A-Za-z0-9_.-]{1,8}`), rapid.String(), 1, 4).Draw(t, "attributes"),
		}
		if rapid.Bool().Draw(t, "expires") {
			p.ExpiresAt = time.Unix(rapid.Int64Range(0, 1e10).Draw(t, "exp"), 0).UTC()
		}
		require.NoError(t, p.check())
		var req gatesock.Request
		setPrincipal(&req, p)
		req.Authorizer["integrationLatency"] = "12"
		got, ok := PrincipalFrom(&req)
		require.True(t, ok)
		require.Equal(t, strings.Fields(strings.Join(p.Scopes, " ")), got.Scopes)
		p.Scopes, p.Roles, got.Scopes, got.Roles = nil, nil, nil, nil
		require.Equal(t, p, got)
	})
}

func TestPrincipalRefused(t *testing.T) {
	t.Parallel()
	for says, p := range map[string]Principal{
		`id ""`:                            {},
		`id "a\xff"`:                       {ID: "a\xff"},
		`scope "a b" of principal "u"`:     {ID: "u", Scopes: []string{"a b"}},
		`scope ""`:                         {ID: "u", Scopes: []string{""}},
		`role "\t"`:                        {ID: "u", Roles: []string{"\t"}},
		`attribute "a b" of principal "u"`: {ID: "u", Attributes: map[string]string{"a b": ""}},
		`attribute "" of`:                  {ID: "u", Attributes: map[string]string{"": ""}},
		`attribute "a" of principal "u" is not U`: {ID: "u", Attributes: map[string]string{"a": "\xff"}},
	} {
		require.ErrorContains(t, p.check(), says)
	}
}

func TestPrincipalOfAnotherAuthorizer(t *testing.T) {
	t.Parallel()
	_, ok := PrincipalFrom(&gatesock.Request{})
	require.False(t, ok)
	_, ok = PrincipalFrom(&gatesock.Request{Authorizer: map[string]string{"scopes": "admin"}})
	require.False(t, ok)
	p, ok := PrincipalFrom(&gatesock.Request{Authorizer: map[string]string{"principalId": "u", "tenant": "t", "exp": "soon"}})
	require.True(t, ok)
	require.Equal(t, map[string]string{"tenant": "t"}, p.Attributes)
	require.True(t, p.Expired(time.Now()), "a time that can't be read is over")
	for _, exp := range []string{"-62135596800", "-1", "0", "", "NaN"} {
		p, ok = PrincipalFrom(&gatesock.Request{Authorizer: map[string]string{"principalId": "u", "exp": exp}})
		require.True(t, ok)
		require.True(t, p.Expired(time.Now()), "%q is never", exp)
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	early, late := time.Unix(1, 0), time.Unix(2, 0)
	p, err := merge(
		Principal{ID: "u", Scopes: []string{"b", "a"}, Attributes: map[string]string{"x": "1"}, ExpiresAt: late},
		Principal{
			ID: "u", Scopes: []string{"c", "a"}, Roles: []string{"r"}, Attributes: map[string]string{"x": "2", "y": "3"},
			ExpiresAt: early, UsageKey: "k",
		},
	)
	require.NoError(t, err)
	require.Equal(t, Principal{
		ID: "u", Scopes: []string{"a", "b", "c"}, Roles: []string{"r"}, Attributes: map[string]string{"x": "1", "y": "3"},
		ExpiresAt: early, UsageKey: "k",
	}, p)
	// A principal without an ID limits the other one, whether it comes first or last.
	limits := Principal{
		Scopes: []string{"s"}, Roles: []string{"r"}, Attributes: map[string]string{"x": "1"},
		ExpiresAt: early, UsageKey: "k",
	}
	want := limits
	want.ID = "u"
	for _, two := range [][2]Principal{{limits, {ID: "u", ExpiresAt: late}}, {{ID: "u", ExpiresAt: late}, limits}} {
		p, err = merge(two[0], two[1])
		require.NoError(t, err)
		require.Equal(t, want, p)
	}
	_, err = merge(Principal{ID: "u"}, Principal{ID: "v"})
	require.ErrorIs(t, err, ErrUnauthenticated)
}
