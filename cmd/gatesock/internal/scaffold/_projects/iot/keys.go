package main

import (
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
)

// Devices and dashboards connect with API keys. A key has an owner, a role and a site; to make one
// for the deployed service, see README.md.
const (
	device    = "device"
	dashboard = "dashboard"
)

func deviceKey(site, owner string) apikey.Key    { return newKey(device, site, owner) }
func dashboardKey(site, owner string) apikey.Key { return newKey(dashboard, site, owner) }

func newKey(role, site, owner string) apikey.Key {
	return apikey.Key{
		Name: role + " " + owner, Owner: owner, Roles: []string{role}, Attributes: map[string]string{"site": site},
	}
}

// authorizer returns the authorizer, which API Gateway asks before it accepts a connection. The key
// is in a header or, for browsers, which cannot set one, a subprotocol: new WebSocket(url,
// ["iot.v1", "bearer." + key]).
func (s *service) authorizer() *authz.Authorizer {
	keys := apikey.New(s.keys)
	return authz.NewAuthorizer(authz.Bearer(keys, authz.Header("X-Api-Key"), authz.SubprotocolToken()))
}

// siteOf returns the site of the key that a client has connected with.
func siteOf(req *gatesock.Request) string { return authz.AttributeFrom(req, "site") }
