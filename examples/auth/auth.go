package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/eventmux"
)

// Identity is the answer to "whoami".
type Identity struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
}

// newApp returns a function that is the authorizer of its own API.
func newApp(tokens authz.Verifier) lambda.Handler {
	r := gatesock.New(gatesock.DenyByDefault()) // a route without a guard is an error at start-up
	r.Use(gatesock.Recover(), authz.NegotiateSubprotocol("app.v1"))
	gatesock.HandleReply(r, "whoami", func(_ context.Context, req *gatesock.Request, _ struct{}) (Identity, error) {
		p, _ := authz.PrincipalFrom(req) // there is one: the guard has asked for its scopes
		return Identity{p.ID, p.Scopes}, nil
	}, authz.RequireScopes("chat"))
	gatesock.Handle(r, "close-room", func(context.Context, *gatesock.Request, struct{}) error {
		return nil
	}, authz.RequireScopes("staff"))

	who := authz.Bearer(tokens, authz.SubprotocolToken()) // for pages: authz.All(authz.Origins(…), …)
	return eventmux.New(eventmux.WebSocket(r), eventmux.Authorizer(authz.NewAuthorizer(who)))
}
