package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/client"
)

// newKey makes a key of a tenant, which is that of a device if device is not empty.
func (a *app) newKey(ctx context.Context, tenant, device, owner string, scopes ...string) (secret string, err error) {
	_, secret, err = a.keys.Create(ctx, apikey.Key{
		Name: owner, Owner: owner, Scopes: scopes, Attributes: map[string]string{"tenant": tenant, "device": device},
	})
	return secret, err
}

// authorizer lets in who has a key.
func (a *app) authorizer() *authz.Authorizer {
	return authz.NewAuthorizer(authz.Bearer(a.keys, authz.Header("X-Api-Key")))
}

// withKey makes a client connect with a key.
func withKey(key string) client.Option {
	return client.WithRequest(func(r *http.Request) error {
		r.Header.Set("X-Api-Key", key)
		return nil
	})
}

// What a key says cannot be forged: a device never says itself who it is.
func tenantOf(req *gatesock.Request) string { return authz.AttributeFrom(req, "tenant") }
func deviceOf(req *gatesock.Request) string { return authz.AttributeFrom(req, "device") }

// mayRead is asked before anybody subscribes to a topic, such as devices:acme or
// inbox:acme/pump-1. An inbox is for its device only.
func mayRead(_ context.Context, req *gatesock.Request, name string) error {
	kind, rest, _ := strings.Cut(name, ":")
	tenant, device, _ := strings.Cut(rest, "/")
	p, _ := authz.PrincipalFrom(req)
	allowed := p.HasScope("view")
	if kind == "inbox" {
		allowed = device != "" && device == deviceOf(req)
	}
	if tenant == "" || tenant != tenantOf(req) || !allowed {
		return gatesock.Errorf(gatesock.CodePermissionDenied, "there is no such topic, or it is not yours")
	}
	return nil
}
