package jwtauth

import (
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
)

// jwkOf returns the JSON Web Key of a pair with some members replaced. Members that are nil are
// left out.
func jwkOf(pair string, members map[string]any) map[string]any {
	key, err := jwkset.NewJWKFromKey(pairs()[pair].private.Public(), jwkset.JWKOptions{})
	must(err)
	text, err := json.Marshal(key.Marshal())
	must(err)
	object := map[string]any{}
	must(json.Unmarshal(text, &object))
	for name, value := range members {
		if object[name] = value; value == nil {
			delete(object, name)
		}
	}
	return object
}

// publish makes a provider answer with a key set.
func (p *provider) publish(keys ...map[string]any) {
	text, err := json.Marshal(map[string]any{"keys": append([]map[string]any{}, keys...)})
	must(err)
	p.set(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) })
}

// Issuers publish several algorithms and kinds of key under one id (RFC 7517 §4.5; keycloak#15616,
// pyjwt#1139).
func TestKeysOfOneID(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.publish(
		jwkOf("ES256", map[string]any{"kid": "one"}),
		jwkOf("rsa", map[string]any{"kid": "one", "alg": "RS384"}),
		jwkOf("rsa", map[string]any{"kid": "one", "alg": "PS512"}),
		jwkOf("other", map[string]any{"kid": "one", "alg": "RS512"}),
		jwkOf("ES384", map[string]any{"kid": "one", "alg": "ES384"}),
		jwkOf("ed", map[string]any{"kid": "one"}),
	)
	v := p.verifier(t, nil)
	for _, c := range []struct {
		pair   string
		method jwt.SigningMethod
		good   bool
	}{
		{"ES256", jwt.SigningMethodES256, true},
		{"rsa", jwt.SigningMethodRS384, true},
		{"rsa", jwt.SigningMethodPS512, true},
		{"other", jwt.SigningMethodRS512, true},
		{"ES384", jwt.SigningMethodES384, true},
		{"ed", jwt.SigningMethodEdDSA, true},
		{"rsa", jwt.SigningMethodRS512, false},
		{"rsa", jwt.SigningMethodRS256, false},
		{"rsa", jwt.SigningMethodPS256, false},
		{"other", jwt.SigningMethodRS384, false},
		{"other", jwt.SigningMethodPS512, false},
	} {
		_, err := v.Verify(t.Context(), sign(c.method, pairs()[c.pair].private, good(), map[string]any{"kid": "one"}))
		if c.good {
			require.NoError(t, err, "%s %s", c.pair, c.method.Alg())
		} else {
			require.ErrorIs(t, err, authz.ErrUnauthenticated, "%s %s", c.pair, c.method.Alg())
		}
		require.Equal(t, 1, p.count("/keys"))
	}
}

// Two keys with the same id, algorithm and kind are both tried, as during a rotation that keeps the
// id.
func TestTwoKeysOfOneIDAndAlgorithm(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.publish(jwkOf("rsa", map[string]any{"kid": "one"}), jwkOf("other", map[string]any{"kid": "one"}))
	v := p.verifier(t, nil)
	for _, pair := range []string{"rsa", "other"} {
		_, err := v.Verify(t.Context(), pairs()[pair].sign(good(), map[string]any{"kid": "one"}))
		require.NoError(t, err, pair)
	}
}

// A key that is for an algorithm is used for no other, fetched or configured.
func TestKeyTakesItsAlgorithmOnly(t *testing.T) {
	t.Parallel()
	rsa := pairs()["rsa"]
	p := newProvider(t)
	p.publish(jwkOf("rsa", map[string]any{"kid": "rsa", "alg": "RS256"}))
	for name, v := range map[string]*Verifier{
		"JWKS": p.verifier(t, nil),
		"Keys": local(t, func(c *Config) { c.Keys = []Key{{ID: "rsa", Algorithm: "RS256", Public: rsa.private.Public()}} }),
	} {
		for _, method := range rsa.methods {
			for _, kid := range []any{"rsa", nil} {
				_, err := v.Verify(t.Context(), sign(method, rsa.private, good(), map[string]any{"kid": kid}))
				if method.Alg() == "RS256" {
					require.NoError(t, err, name)
				} else {
					require.ErrorIs(t, err, authz.ErrUnauthenticated, "%s %s", name, method.Alg())
				}
			}
		}
	}
}

// A key without an id is tried for all tokens, after the keys with the token's id. A token without
// an id is tried with all keys.
func TestKeysWithoutID(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.publish(jwkOf("rsa", nil), jwkOf("other", map[string]any{"kid": "named"}), jwkOf("ed", map[string]any{"kid": ""}))
	v := p.verifier(t, nil)
	for _, c := range []struct {
		pair string
		kid  any
		good bool
	}{
		{"rsa", "anything", true},
		{"rsa", nil, true},
		{"rsa", "", true},
		{"rsa", "named", true},
		{"other", "named", true},
		{"other", nil, true},
		{"other", "anything", false},
		{"ed", "anything", true},
		{"ed", nil, true},
	} {
		_, err := v.Verify(t.Context(), pairs()[c.pair].sign(good(), map[string]any{"kid": c.kid}))
		require.Equal(t, c.good, err == nil, "%s %v: %v", c.pair, c.kid, err)
	}
	set := keySet{keys: []Key{{Public: pairs()["rsa"].private.Public()}, {ID: "named", Public: pairs()["other"].private.Public()}}}
	candidates := set.candidates(header{Algorithm: "RS256", KeyID: "named"})
	require.Equal(t, []string{"named", ""}, []string{candidates[0].ID, candidates[1].ID})
}

// A signature is tried with at most maxTried keys. Keys for another algorithm or id do not count.
func TestBoundOnKeysTried(t *testing.T) {
	t.Parallel()
	var keys []Key
	signers := map[int]ed25519.PrivateKey{}
	for i := range maxTried + 1 {
		public, private, err := ed25519.GenerateKey(nil)
		require.NoError(t, err)
		keys, signers[i] = append(keys, Key{Public: public}), private
	}
	crowd := keys
	for range maxTried {
		crowd = append([]Key{{Public: pairs()["rsa"].private.Public()}, {ID: "else", Public: keys[maxTried].Public}}, crowd...)
	}
	for name, keys := range map[string][]Key{"alone": keys, "among others": crowd} {
		v := local(t, func(c *Config) { c.Keys = keys })
		for i, private := range signers {
			_, err := v.Verify(t.Context(), sign(jwt.SigningMethodEdDSA, private, good(), map[string]any{"kid": "some"}))
			if i < maxTried {
				require.NoError(t, err, "%s: key %d", name, i)
				continue
			}
			require.ErrorIs(t, err, authz.ErrUnauthenticated, name)
			require.ErrorContains(t, err, "none of the first 8 keys has signed it, and 1 more", name)
		}
	}
}

// Keys that can't verify are left out, and the error names the reason. A set of only such keys is
// an answer: all tokens are refused.
func TestKeysThatAreLeftOut(t *testing.T) {
	t.Parallel()
	for says, members := range map[string]map[string]any{
		`kty is "oct"`:                  {"kty": "oct", "k": "AAAA"},
		`kty is "AKP"`:                  {"kty": "AKP"},
		`use is "enc"`:                  {"use": "enc"},
		`key_ops do not include verify`: {"key_ops": []string{"sign"}},
		`do not include verify`:         {"key_ops": []string{"encrypt", "wrapKey"}, "use": "sig"},
		`alg "RS256" does not fit`:      {"alg": "RS256"},
		`alg "HS256" does not fit`:      {"alg": "HS256"},
		`cannot unmarshal number`:       {"kid": 5},
	} {
		p := newProvider(t)
		p.publish(jwkOf("ed", map[string]any{"kid": "ed"}), jwkOf("ed", mapWith(members, "kid", "bad")))
		v := p.verifier(t, nil)
		require.NoError(t, verify(t, v, "ed"), says)
		_, err := v.Verify(t.Context(), pairs()["rsa"].sign(good(), map[string]any{"kid": "bad"}))
		require.ErrorIs(t, err, authz.ErrUnauthenticated)
		require.ErrorContains(t, err, "keys of the issuer's set that are left out: 1; key 1: ")
		require.ErrorContains(t, err, says)

		p = newProvider(t)
		p.publish(jwkOf("ed", mapWith(members, "kid", "ed")))
		err = verify(t, p.verifier(t, nil), "ed")
		require.ErrorIs(t, err, authz.ErrUnauthenticated)
		require.ErrorContains(t, err, says)
	}
}

func mapWith(members map[string]any, name string, value any) map[string]any {
	all := map[string]any{name: value}
	for k, v := range members {
		all[k] = v
	}
	return all
}

// Members that have nothing to do with verifying do not disable a key.
func TestKeysAreReadLiberally(t *testing.T) {
	t.Parallel()
	for _, members := range []map[string]any{
		{"use": nil, "key_ops": nil, "alg": nil},
		{"key_ops": []string{"verify"}},
		{"key_ops": []string{"verify", "something of their own"}, "use": "sig"},
		{"key_ops": []string{}},
		{"x5c": "not a list", "x5t": 5, "x5u": "http://127.0.0.1:1/", "nbf": "2026"},
		{"x5t": "AAAA", "x5c": []string{"AAAA"}},
		{"d": "AAAA"},
		{"ext": true, "iat": 1.5},
	} {
		p := newProvider(t)
		p.publish(jwkOf("rsa", mapWith(members, "kid", "rsa")))
		require.NoError(t, verify(t, p.verifier(t, nil), "rsa"), "%v", members)
	}
}

// A key that replaces another one, under the same id or without an id, is fetched with the first
// token that it signed. Forged tokens cause no more fetches.
func TestKeyIsReplacedUnderItsID(t *testing.T) {
	t.Parallel()
	for _, kid := range []any{"one", nil} {
		p := newProvider(t)
		members := map[string]any{"kid": kid}
		p.publish(jwkOf("rsa", members))
		v := p.verifier(t, nil)
		token := func(pair string) string { return pairs()[pair].sign(good(), members) }
		_, err := v.Verify(t.Context(), token("rsa"))
		require.NoError(t, err)
		p.publish(jwkOf("other", members))
		p.advance(defaultMinRefresh)
		_, err = v.Verify(t.Context(), token("other"))
		require.NoError(t, err)
		require.Equal(t, 2, p.count("/keys"))
		p.advance(defaultMinRefresh)
		for range 50 {
			_, err = v.Verify(t.Context(), token("rsa"))
			require.ErrorIs(t, err, authz.ErrUnauthenticated)
		}
		require.Equal(t, 3, p.count("/keys"))
	}
}

// schemes answers requests by their scheme.
type schemes map[string]func(*http.Request) *http.Response

func (s schemes) RoundTrip(r *http.Request) (*http.Response, error) {
	resp := s[r.URL.Scheme](r)
	resp.Request = r
	return resp, nil
}

// No redirect leads from https to http, even on the same host.
func TestRedirectToHTTPIsNotFollowed(t *testing.T) {
	t.Parallel()
	answer := func(status int, header http.Header, body string) *http.Response {
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}
	}
	asked := 0
	client := &http.Client{Transport: schemes{
		"https": func(r *http.Request) *http.Response {
			if r.URL.Path == "/moved" {
				return answer(http.StatusOK, nil, string(jwks("ed")))
			}
			return answer(http.StatusFound, http.Header{"Location": {r.URL.Query().Get("to")}}, "")
		},
		"http": func(*http.Request) *http.Response {
			asked++
			return answer(http.StatusOK, nil, string(jwks("ed")))
		},
	}}
	for to, says := range map[string]string{
		"http://login.example.com/keys":    "from https://login.example.com/keys?to=",
		"https://elsewhere.example/keys":   "to https://elsewhere.example/keys is not followed",
		"https://login.example.com:1/keys": "is not followed",
		"//elsewhere.example/keys":         "is not followed",
		"/moved":                           "",
	} {
		cfg := Config{
			Issuer: issuer, Audience: []string{audience}, JWKS: "https://login.example.com/keys?to=" + to, HTTPClient: client, Clock: newProvider(t).clock,
		}
		v, err := New(cfg)
		require.NoError(t, err)
		if err := verify(t, v, "ed"); says == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, says)
			require.NotErrorIs(t, err, authz.ErrUnauthenticated)
		}
	}
	require.Zero(t, asked)
}

// A caller that changes its configuration after New changes nothing in the Verifier.
func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	secret := []byte(strings.Repeat("s", 32))
	cfg := Config{
		Issuer: issuer, Audience: []string{audience}, Secret: secret, Algorithms: []string{"HS256"}, Types: []string{"JWT"},
		ClientIDs: []string{"web"}, RequiredClaims: map[string][]string{"use": {"access"}}, ScopeClaims: []string{"scope"},
		RoleClaims: []string{"roles"}, Attributes: map[string]string{"tenant": "tenant"}, Clock: newProvider(t).clock,
	}
	v, err := New(cfg)
	require.NoError(t, err)
	claims := less("", jwt.MapClaims{"azp": "web", "use": "access"})
	token := sign(jwt.SigningMethodHS256, secret, claims, nil)
	before, err := v.Verify(t.Context(), token)
	require.NoError(t, err)

	clear(secret)
	for _, list := range [][]string{
		cfg.Audience, cfg.Algorithms, cfg.Types, cfg.ClientIDs, cfg.RequiredClaims["use"], cfg.ScopeClaims, cfg.RoleClaims,
	} {
		list[0] = "none"
	}
	cfg.Attributes["tenant"] = "level"
	cfg.RequiredClaims["never"] = []string{"there"}
	after, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, before, after)
	_, err = v.Verify(t.Context(), sign(jwt.SigningMethodHS256, make([]byte, 32), claims, nil))
	require.ErrorIs(t, err, authz.ErrUnauthenticated, "the wiped secret is a key that everybody knows")

	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	keys := []Key{{Public: public}}
	v = local(t, func(c *Config) { c.Keys = keys })
	clear(public)
	keys[0] = Key{}
	_, err = v.Verify(t.Context(), sign(jwt.SigningMethodEdDSA, private, good(), nil))
	require.NoError(t, err)
}

// Copies of public keys of all kinds are equal to them.
func TestCloneKey(t *testing.T) {
	t.Parallel()
	for id, p := range pairs() {
		clone, err := cloneKey(p.private.Public())
		require.NoError(t, err, id)
		require.True(t, contains([]Key{{Public: clone}}, p.private.Public()), id)
	}
	_, err := cloneKey(crypto.PublicKey(5))
	require.Error(t, err)
}
