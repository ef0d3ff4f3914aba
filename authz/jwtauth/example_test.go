package jwtauth_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/jwtauth"
)

// issue returns a token as an identity provider makes it.
func issue(key ed25519.PrivateKey, claims jwt.MapClaims) string {
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	t.Header["kid"] = "2026-11"
	token, err := t.SignedString(key)
	if err != nil {
		panic(err)
	}
	return token
}

// An identity provider publishes its keys as a JWKS, which the first token fetches.
func Example() {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-11","x":%q}]}`,
			base64.RawURLEncoding.EncodeToString(public))
	}))
	defer provider.Close()

	tokens, err := jwtauth.New(jwtauth.Config{
		Issuer:   "https://login.example.com/",
		Audience: []string{"https://ws.example.com"},
		JWKS:     provider.URL, // or Discover: true
	})
	if err != nil {
		panic(err)
	}
	good := jwt.MapClaims{
		"iss": "https://login.example.com/", "aud": "https://ws.example.com", "sub": "ann",
		"scope": "chat:read chat:write", "exp": time.Now().Add(time.Hour).Unix(),
	}
	p, err := tokens.Verify(context.Background(), issue(private, good))
	fmt.Println(p.ID, p.Scopes, err)

	good["aud"] = "https://billing.example.com" // a token for another API
	_, err = tokens.Verify(context.Background(), issue(private, good))
	fmt.Println(err)
	// Output:
	// ann [chat:read chat:write] <nil>
	// authz: not authenticated: token has invalid audience
}

// Keys that are configured need no fetch, for functions without a way to the internet.
func ExampleConfig_configuredKeys() {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	tokens, err := jwtauth.New(jwtauth.Config{
		Issuer:   "https://login.example.com/",
		Audience: []string{"https://ws.example.com"},
		Keys:     []jwtauth.Key{{ID: "2026-11", Public: public}},
	})
	if err != nil {
		panic(err)
	}
	token := issue(private, jwt.MapClaims{
		"iss": "https://login.example.com/", "aud": "https://ws.example.com", "sub": "ann",
		"exp": time.Now().Add(time.Hour).Unix(),
	})
	p, err := tokens.Verify(context.Background(), token)
	fmt.Println(p.ID, err)
	_, err = tokens.Verify(context.Background(), token+"x")
	fmt.Println(errors.Is(err, authz.ErrUnauthenticated))
	// Output:
	// ann <nil>
	// true
}

// Check refuses revoked tokens at once, although they have not expired.
func ExampleConfig_revokedTokens() {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	revoked := map[string]bool{}
	tokens, err := jwtauth.New(jwtauth.Config{
		Issuer:   "https://login.example.com/",
		Audience: []string{"https://ws.example.com"},
		Keys:     []jwtauth.Key{{Public: public}},
		Check: func(_ context.Context, claims jwtauth.Claims) error {
			if id, _ := claims["jti"].(string); revoked[id] {
				return fmt.Errorf("%w: token %s is revoked", authz.ErrUnauthenticated, id)
			}
			return nil
		},
	})
	if err != nil {
		panic(err)
	}
	token := issue(private, jwt.MapClaims{
		"iss": "https://login.example.com/", "aud": "https://ws.example.com", "sub": "ann", "jti": "t1",
		"exp": time.Now().Add(time.Hour).Unix(),
	})
	_, err = tokens.Verify(context.Background(), token)
	fmt.Println(err)
	revoked["t1"] = true
	_, err = tokens.Verify(context.Background(), token)
	fmt.Println(err)
	// Output:
	// <nil>
	// authz: not authenticated: token t1 is revoked
}
