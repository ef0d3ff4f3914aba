package jwtauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
)

// raw signs claims as a text: Go would not write some of them.
func raw(claims string) string {
	p := pairs()["ed"]
	input := segment(`{"alg":"EdDSA","kid":"ed"}`) + "." + segment(claims)
	signature, err := jwt.SigningMethodEdDSA.Sign(input, p.private)
	must(err)
	return input + "." + segment(string(signature))
}

// Numbers that are not times are refused, by name, and never read as "never expires".
func TestDates(t *testing.T) {
	t.Parallel()
	v := local(t, nil)
	hour, passed := now.Add(time.Hour).Unix(), now.Add(-time.Minute).Unix()
	for _, c := range []struct {
		exp, nbf, iat any
		says          string // empty: good
	}{
		{hour, passed, passed, ""},
		{fmt.Sprintf("%d.75", hour), fmt.Sprintf("%d.5", passed), fmt.Sprintf("%d.25", passed), ""},
		{fmt.Sprintf("%d.0e0", hour), 0, 0, ""}, // Keycloak once wrote "nbf": 0.
		{int64(lastDate), passed, passed, ""},
		{int64(lastDate) + 1, passed, passed, "exp"},
		{hour * 1000, passed, passed, "exp"}, // milliseconds
		{"1e18", passed, passed, "exp"},
		{"9223372036854775807", passed, passed, "exp"},
		{"18446744073709551616", passed, passed, "exp"},
		{"1e300", passed, passed, "exp"},
		{"1e400", passed, passed, "exp"},
		{"-1e400", passed, passed, "exp"},
		{-62135596800, passed, passed, "exp"}, // the year one, which is a zero time.Time
		{-1, passed, passed, "exp"},
		{0, passed, passed, "expired"},
		{"1e-400", passed, passed, "expired"},
		{`"` + fmt.Sprint(hour) + `"`, passed, passed, "exp is not a number"},
		{"null", passed, passed, "exp is not a number"},
		{"true", passed, passed, "exp is not a number"},
		{hour, -1, passed, "nbf"},
		{hour, "1e400", passed, "nbf"},
		{hour, "9223372036854775808", passed, "nbf"},
		{hour, passed * 1000, passed, "nbf"},
		{hour, "null", passed, "nbf"},
		{hour, "{}", passed, "nbf"},
		{hour, passed, -62135596800, "iat"},
		{hour, passed, "1e400", "iat"},
		{hour, passed, "-9223372036854775809", "iat"},
		{hour, passed, "[]", "iat"},
		{hour, passed, `"now"`, "iat"},
	} {
		token := raw(fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":"ann","exp":%v,"nbf":%v,"iat":%v}`, issuer, audience, c.exp, c.nbf, c.iat))
		p, err := v.Verify(t.Context(), token)
		if c.says == "" {
			require.NoError(t, err, "%v", c)
			require.True(t, p.ExpiresAt.After(now) && p.ExpiresAt.Year() <= 9999, "%v", p.ExpiresAt)
			continue
		}
		require.ErrorIs(t, err, authz.ErrUnauthenticated, "%v", c)
		require.ErrorContains(t, err, c.says)
	}
}

// ClientIDs replace an audience, or are required beside one. A token with neither is refused.
func TestClientIDs(t *testing.T) {
	t.Parallel()
	instead := func(c *Config) { c.Audience, c.ClientIDs = nil, []string{"web", "app"} }
	beside := func(c *Config) { c.ClientIDs = []string{"web"} }
	own := func(claim string) func(*Config) {
		return func(c *Config) { c.Audience, c.ClientIDs, c.ClientIDClaim = nil, []string{"web"}, claim }
	}
	for _, c := range []struct {
		config func(*Config)
		claims string
		says   string // empty: good
	}{
		{instead, `"client_id":"web"`, ""},
		{instead, `"client_id":"app"`, ""},
		{instead, `"azp":"web"`, ""},
		{instead, `"azp":"web","client_id":"app"`, ""},
		{instead, `"azp":"other"`, `azp "other" is not one`},
		{instead, `"azp":"web","client_id":"other"`, `client_id "other" is not one`},
		{instead, `"client_id":"web","azp":"other"`, `azp "other" is not one`},
		{instead, `"scope":"x"`, "client_id or azp is missing"},
		{instead, `"client_id":""`, "is not one"},
		{instead, `"client_id":null,"azp":"web"`, "is not one"},
		{instead, `"client_id":["web"]`, "is not one"},
		{instead, `"client_id":5`, "is not one"},
		{instead, `"CLIENT_ID":"web"`, "is missing"},
		{instead, `"cid":"web","appid":"web"`, "is missing"},
		{instead, `"client_id":"web","aud":"https://billing.example.com"`, "no Audience is configured"},
		{instead, `"client_id":"web","aud":"web"`, "no Audience is configured"},
		{instead, `"client_id":"web","aud":[]`, "no Audience is configured"},
		{instead, `"client_id":"web","aud":null`, "no Audience is configured"},
		{beside, `"client_id":"web","aud":"` + audience + `"`, ""},
		{beside, `"aud":"` + audience + `"`, "is missing"},
		{beside, `"client_id":"web"`, "aud"},
		{beside, `"client_id":"web","aud":"x"`, "audience"},
		{beside, `"client_id":"app","aud":"` + audience + `"`, `"app" is not one`},
		{own("cid"), `"cid":"web"`, ""},
		{own("cid"), `"cid":"web","azp":"other"`, ""},
		{own("cid"), `"client_id":"web"`, "cid is missing"},
		{own("cid"), `"cid":"x"`, `cid "x" is not one`},
		{own("/act/client"), `"act":{"client":"web"}`, ""},
		{own("/act/client"), `"act":"web"`, "is missing"},
		{nil, `"azp":"web","client_id":"web"`, "aud"},
		{nil, `"aud":"","client_id":"web"`, "aud"},
	} {
		v := local(t, c.config)
		token := raw(fmt.Sprintf(`{"iss":%q,"sub":"ann","exp":%d,%s}`, issuer, now.Add(time.Hour).Unix(), c.claims))
		_, err := v.Verify(t.Context(), token)
		if c.says == "" {
			require.NoError(t, err, c.claims)
			continue
		}
		require.ErrorIs(t, err, authz.ErrUnauthenticated, c.claims)
		require.ErrorContains(t, err, c.says, c.claims)
	}
}

func TestRequiredClaims(t *testing.T) {
	t.Parallel()
	v := local(t, func(c *Config) {
		c.RequiredClaims = map[string][]string{"token_use": {"access", "both"}, "/o/verified": {"true"}, "level": {"3"}}
	})
	for claims, good := range map[string]bool{
		`"token_use":"access","o":{"verified":true},"level":3`:            true,
		`"token_use":["id","both"],"o":{"verified":"true"},"level":[2,3]`: true,
		`"token_use":"id","o":{"verified":true},"level":3`:                false,
		`"token_use":"access both","o":{"verified":true},"level":3`:       false,
		`"token_use":"ACCESS","o":{"verified":true},"level":3`:            false,
		`"token_use":[],"o":{"verified":true},"level":3`:                  false,
		`"token_use":null,"o":{"verified":true},"level":3`:                false,
		`"token_use":{"access":"access"},"o":{"verified":true},"level":3`: false,
		`"token_use":"access","o":{"verified":false},"level":3`:           false,
		`"token_use":"access","o":true,"level":3`:                         false,
		`"token_use":"access","/o/verified":true,"level":3`:               false,
		`"token_use":"access","o":{"verified":true},"level":3.0`:          false,
		`"token_use":"access","o":{"verified":true}`:                      false,
		`"o":{"verified":true},"level":3`:                                 false,
	} {
		_, err := v.Verify(t.Context(), raw(fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":"ann","exp":%d,%s}`, issuer, audience, now.Add(time.Hour).Unix(), claims)))
		if good {
			require.NoError(t, err, claims)
		} else {
			require.ErrorIs(t, err, authz.ErrUnauthenticated, claims)
		}
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	var claims Claims
	require.NoError(t, json.Unmarshal([]byte(`{
		"a": "plain", "a.b": "dots", "https://example.com/roles": "URL", "o": {"a/b": {"~": "deep"}, "": "empty", "null": null, "list": [{"x": 1}]}
	}`), &claims))
	for name, want := range map[string]any{
		"a": "plain", "a.b": "dots", "https://example.com/roles": "URL", "/a": "plain", "/o/a~1b/~0": "deep", "/o/": "empty", "/o/null": nil,
	} {
		got, ok := claims.Lookup(name)
		require.True(t, ok, name)
		require.Equal(t, want, got, name)
	}
	for _, name := range []string{"", "/", "b", "o.null", "/o/list/0", "/o/list/0/x", "/a/b", "/o/a~1b/~", "/o/a/b", "/o/null/x", "//a"} {
		_, ok := claims.Lookup(name)
		require.False(t, ok, name)
	}
}

// The claims of scopes, roles, attributes and the id are configurable.
func TestPrincipalFromClaims(t *testing.T) {
	t.Parallel()
	v := local(t, func(c *Config) {
		c.IDClaim = "oid"
		c.ScopeClaims = []string{"scope", "permissions"}
		c.RoleClaims = []string{"cognito:groups", "/realm_access/roles", "/resource_access/my.client/roles", "role"}
		c.Attributes = map[string]string{"username": "cognito:username", "tenant": "/o/id", "missing": "missing", "object": "o"}
	})
	p, err := v.Verify(t.Context(), raw(fmt.Sprintf(`{"iss":%q,"aud":%q,"exp":%d,"oid":"o-1","sub":"s-1",
		"scope":"read say","permissions":["say","say:loud","not admin","", "tab\there"],"scp":"ignored","roles":["ignored"],
		"cognito:groups":["staff"],"realm_access":{"roles":["member","staff"]},"resource_access":{"my.client":{"roles":["owner"]}},
		"role":"team lead","cognito:username":"ann","o":{"id":7}}`, issuer, audience, now.Add(time.Hour).Unix())))
	require.NoError(t, err)
	require.Equal(t, authz.Principal{
		ID: "o-1", Scopes: []string{"read", "say", "say:loud"}, Roles: []string{"member", "owner", "staff"},
		Attributes: map[string]string{"username": "ann", "tenant": "7"}, ExpiresAt: now.Add(time.Hour),
	}, p)
}

// Check is called for every token each time, also for one that was seen before, and may change the
// claims.
func TestCheckIsAskedEachTime(t *testing.T) {
	t.Parallel()
	type key struct{}
	revoked, down := map[string]bool{}, error(nil)
	v := local(t, func(c *Config) {
		c.Check = func(ctx context.Context, claims Claims) error {
			require.Equal(t, "context", ctx.Value(key{}))
			id, _ := claims["jti"].(string)
			clear(claims)
			if revoked[id] {
				return fmt.Errorf("%w: token %q is revoked", authz.ErrUnauthenticated, id)
			}
			return down
		}
	})
	ctx := context.WithValue(t.Context(), key{}, "context")
	token := pairs()["ed"].sign(less("", jwt.MapClaims{"jti": "j1"}), nil)
	for range 2 {
		p, err := v.Verify(ctx, token)
		require.NoError(t, err)
		require.Equal(t, "ann", p.ID)
	}
	require.Equal(t, 1, v.seen.tokens.Len())
	down = errors.New("the list is down")
	_, err := v.Verify(ctx, token)
	require.ErrorIs(t, err, down)
	require.NotErrorIs(t, err, authz.ErrUnauthenticated)
	revoked["j1"] = true
	_, err = v.Verify(ctx, token)
	require.ErrorIs(t, err, authz.ErrUnauthenticated)
	require.ErrorContains(t, err, "is revoked")
	delete(revoked, "j1")
	down = nil
	_, err = v.Verify(ctx, token)
	require.NoError(t, err)
}

// Config.Principal is called each time too, by several goroutines, and may change the claims.
func TestPrincipalIsAskedEachTime(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	ends := now.Add(time.Minute)
	v := local(t, func(c *Config) {
		c.Attributes = nil
		c.Principal = func(claims Claims) (authz.Principal, error) {
			id, _ := claims["sub"].(string)
			claims["sub"] = "root"
			if nested, ok := claims["nested"].(map[string]any); ok {
				clear(nested)
			}
			mu.Lock()
			defer mu.Unlock()
			return authz.Principal{ID: id, ExpiresAt: ends}, nil
		}
	})
	token := pairs()["ed"].sign(less("", jwt.MapClaims{"nested": map[string]any{"a": "b"}}), nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if p, err := v.Verify(t.Context(), token); err != nil || p.ID != "ann" || !p.ExpiresAt.Equal(ends) {
					t.Error(p, err)
				}
			}
		})
	}
	wg.Wait()
	ends = now
	_, err := v.Verify(t.Context(), token)
	require.ErrorIs(t, err, authz.ErrUnauthenticated)
	require.ErrorContains(t, err, "the principal has expired")
	for _, late := range []time.Time{{}, now.Add(time.Hour), now.Add(time.Hour + 1), now.Add(100 * time.Hour)} {
		ends = late
		p, err := v.Verify(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, now.Add(time.Hour), p.ExpiresAt)
	}
}

func TestCloneClaims(t *testing.T) {
	t.Parallel()
	claims := Claims{"o": map[string]any{"a": []any{"x", map[string]any{"y": "z"}}}, "s": "s", "n": json.Number("1"), "null": nil}
	text, err := json.Marshal(claims)
	require.NoError(t, err)
	clone := claims.clone()
	require.Equal(t, claims, clone)
	object, ok := clone["o"].(map[string]any)
	require.True(t, ok)
	list, ok := object["a"].([]any)
	require.True(t, ok)
	inner, ok := list[1].(map[string]any)
	require.True(t, ok)
	inner["y"], list[0], object["b"], clone["s"] = "changed", "changed", "changed", "changed"
	after, err := json.Marshal(claims)
	require.NoError(t, err)
	require.JSONEq(t, string(text), string(after))
}

// For any claims that an issuer signs, nothing panics, and no principal lives longer than its token
// or has a scope or role that events can't carry.
func FuzzClaims(f *testing.F) {
	for _, claims := range []string{
		`{"iss":"https://login.example.com/","client_id":"web","sub":"ann","exp":1795608000,"scope":"a b","token_use":"access"}`,
		`{"iss":"https://login.example.com/","azp":"web","sub":"ann","exp":1795608000.5,"realm_access":{"roles":["r","a b",""]},"token_use":"access"}`,
		`{"iss":"https://login.example.com/","azp":"web","sub":"ann","exp":-62135596800,"token_use":["access"]}`,
		`{"iss":"https://login.example.com/","azp":"web","client_id":5,"sub":"ann","exp":1e999,"aud":null}`,
	} {
		f.Add([]byte(claims))
	}
	cfg := Config{
		Issuer: issuer, ClientIDs: []string{"web"}, Secret: bytes.Repeat([]byte("s"), 32), Clock: func() time.Time { return now },
		RequiredClaims: map[string][]string{"token_use": {"access"}}, RoleClaims: []string{"/realm_access/roles", "roles"},
		Attributes: map[string]string{"tenant": "/o/id"},
	}
	v, err := New(cfg)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, claims []byte) {
		input := segment(`{"alg":"HS256"}`) + "." + segment(string(claims))
		signature, err := jwt.SigningMethodHS256.Sign(input, cfg.Secret)
		require.NoError(t, err)
		p, err := v.Verify(t.Context(), input+"."+segment(string(signature)))
		if err != nil {
			require.ErrorIs(t, err, authz.ErrUnauthenticated)
			return
		}
		require.NotEmpty(t, p.ID)
		require.True(t, now.Before(p.ExpiresAt.Add(defaultSkew)) && p.ExpiresAt.Year() <= 9999, "%v", p.ExpiresAt)
		for _, word := range append(p.Scopes, p.Roles...) {
			require.False(t, word == "" || strings.ContainsFunc(word, unicode.IsSpace), "%q", word)
		}
	})
}
