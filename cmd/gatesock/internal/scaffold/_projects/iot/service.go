package main

import (
	"context"
	"fmt"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/ratelimit"
)

// service is the application. The first four fields are what it runs on: local.go and function.go
// set them before they call router.
type service struct {
	api     gatesock.ConnectionsAPI // reaches the clients
	store   conn.Store              // who is connected, and in which groups
	buckets ratelimit.Store         // how much each client has sent lately
	keys    apikey.Store            // who may connect

	broadcaster *broadcast.Broadcaster
	reading     gatesock.PushType[Reading]
	command     gatesock.PushType[Command]
}

// router returns the routes, and the events that clients receive without a request.
func (s *service) router() *gatesock.Router {
	r := gatesock.New(gatesock.DenyByDefault(), gatesock.WithKeepAlive("keepalive"))
	// Each device and each dashboard may send one message a second, and 30 at once.
	limiter := ratelimit.New(s.buckets, "messages", ratelimit.Limit{Rate: 1, Burst: 30}, ratelimit.FailOpen)
	r.Use(
		gatesock.Recover(),
		authz.NegotiateSubprotocol("iot.v1"),
		limiter.Middleware(ratelimit.ByUser(), ratelimit.MiddlewareOptions{Router: r}),
		conn.Track(s.store, conn.WithGroups(groupsOf)),
	)
	s.broadcaster = broadcast.New(s.api, s.store)
	s.reading = gatesock.DeclarePush[Reading](r, "reading")
	s.command = gatesock.DeclarePush[Command](r, "command")

	// Every route needs a guard, because of DenyByDefault: here the role of the key.
	r.OnConnect(requireSite)
	gatesock.Handle(r, "report", s.report, authz.RequireRole(device), gatesock.OneWay())
	gatesock.HandleReply(r, "watch", s.watch, authz.RequireRole(dashboard))
	gatesock.HandleReply(r, "command", s.send, authz.RequireRole(dashboard))
	return r
}

// requireSite refuses a connection whose key has no site.
func requireSite(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
	if siteOf(req) == "" {
		return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "the key has no site")
	}
	return nil, nil
}

// groupsOf returns the groups that a connection is in from the start: a device is in its own, so
// that commands reach it.
func groupsOf(req *gatesock.Request) []string {
	if p, _ := authz.PrincipalFrom(req); p.HasRole(device) {
		return []string{deviceGroup(siteOf(req), p.ID)}
	}
	return nil
}

// siteGroup is the group of the dashboards that watch a site.
func siteGroup(site string) string { return "site:" + site }

// deviceGroup is the group of a device's connections.
func deviceGroup(site, id string) string { return fmt.Sprintf("device:%q:%q", site, id) }
