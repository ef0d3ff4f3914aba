package main

import (
	"context"
	"fmt"

	"github.com/gatesock/gatesock/authz"
)

// signIn returns the authorizer, which API Gateway asks before it accepts a connection.
//
// It lets anybody in, under the name in the URL: wss://…?name=ann. Before others use the chat,
// replace nameInURL, for example by the tokens of an identity provider (package authz/jwtauth):
//
//	tokens, err := jwtauth.New(jwtauth.Config{
//		Issuer: "https://login.example.com/", Audience: []string{"chat"}, Discover: true,
//	})
//	...
//	authz.NewAuthorizer(authz.Bearer(tokens, authz.SubprotocolToken()))
func signIn() *authz.Authorizer {
	return authz.NewAuthorizer(authz.AuthenticatorFunc(nameInURL))
}

func nameInURL(_ context.Context, h *authz.Handshake) (authz.Principal, error) {
	name := h.Query.Get("name")
	if err := check("name", name, maxName); err != nil {
		return authz.Principal{}, fmt.Errorf("%w: %w", authz.ErrUnauthenticated, err)
	}
	return authz.Principal{ID: name}, nil
}
