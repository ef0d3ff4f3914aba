package main

import (
	"cmp"
	"context"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/topic"
)

// service is the application. The first fields are what it runs on: local.go and function.go set
// them before they call router.
type service struct {
	api     gatesock.ConnectionsAPI // reaches the clients
	store   conn.Store              // who is connected, and to which topics
	log     topic.Log               // what has happened
	values  topic.Values            // how it is now
	buckets ratelimit.Store         // how much each client has sent lately
	keys    apikey.Store            // who may connect

	topics *topic.Topics
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
		conn.Track(s.store),
	)
	s.topics = topic.New(s.log, s.store, broadcast.New(s.api, s.store),
		topic.WithState(s.values, stateOf), topic.WithRetention(retention))
	s.topics.Register(r, mayRead, authz.RequirePrincipal())
	gatesock.DeclarePush[Reading](r, "reading")
	gatesock.DeclarePush[Order](r, "order")
	// Every route needs a guard, because of DenyByDefault: here the role of the key.
	r.OnConnect(requireNames)
	gatesock.Handle(r, "report", s.report, authz.RequireRole(device))
	gatesock.Handle(r, "result", s.result, authz.RequireRole(device))
	gatesock.HandleReply(r, "command", s.command, authz.RequireRole(dashboard))
	return r
}

// requireNames refuses a key whose site or owner cannot be a part of a topic's name.
func requireNames(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
	if err := cmp.Or(check("site", siteOf(req)), check("owner", req.PrincipalID())); err != nil {
		return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "the key is not valid here: %v", err)
	}
	return nil, nil
}
