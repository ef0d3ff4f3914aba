package jwtauth_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/jwtauth"
)

// Tokens of a key that is known. With JWKS or Discover in place of Keys the keys are fetched.
func Example() {
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

	// What an identity provider would issue.
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": "https://login.example.com/", "aud": "https://ws.example.com", "sub": "ann", "scope": "chat:read chat:write",
		"exp": time.Now().Add(time.Hour).Unix(),
	})
	t.Header["kid"] = "2026-11"
	token, err := t.SignedString(private)
	if err != nil {
		panic(err)
	}

	p, err := tokens.Verify(context.Background(), token)
	fmt.Println(p.ID, p.Scopes, err)
	_, err = tokens.Verify(context.Background(), token+"x")
	fmt.Println(errors.Is(err, authz.ErrUnauthenticated))
	// Output:
	// ann [chat:read chat:write] <nil>
	// true
}
