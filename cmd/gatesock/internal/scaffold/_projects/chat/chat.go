package main

import (
	"context"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/ratelimit"
)

// chat is the application. The first three fields are what it runs on: main.go and function.go set
// them before they call router.
type chat struct {
	api     gatesock.ConnectionsAPI // reaches the clients
	store   conn.Store              // who is connected, and in which rooms
	buckets ratelimit.Store         // how much each user has sent lately

	broadcaster *broadcast.Broadcaster
	message     gatesock.PushType[Message]
	typing      gatesock.PushType[Member]
	joined      gatesock.PushType[Member]
	left        gatesock.PushType[Member]
}

// router returns the routes, and the events that clients receive without a request.
func (c *chat) router() *gatesock.Router {
	r := gatesock.New(gatesock.DenyByDefault(), gatesock.WithKeepAlive("keepalive"))
	limiter := ratelimit.New(c.buckets, "messages", ratelimit.Limit{Rate: 2, Burst: 20}, ratelimit.FailOpen)
	r.Use(
		gatesock.Recover(),
		limiter.Middleware(ratelimit.ByUser(), ratelimit.MiddlewareOptions{Router: r}),
		conn.Track(c.store),
	)
	c.broadcaster = broadcast.New(c.api, c.store)
	c.message = gatesock.DeclarePush[Message](r, "message")
	c.typing = gatesock.DeclarePush[Member](r, "typing")
	c.joined = gatesock.DeclarePush[Member](r, "joined")
	c.left = gatesock.DeclarePush[Member](r, "left")

	// Every route needs a guard, because of DenyByDefault. This one allows all that have signed in.
	signedIn := authz.RequirePrincipal()
	gatesock.HandleReply(r, "join", c.join, signedIn)
	gatesock.Handle(r, "leave", c.leave, signedIn)
	gatesock.HandleReply(r, "say", c.say, signedIn)
	gatesock.Handle(r, "typing", c.showTyping, signedIn, gatesock.OneWay())
	return r
}

// send sends an event to everybody in a room except one connection.
func (c *chat) send(ctx context.Context, room, except string, push gatesock.Push) error {
	_, err := c.broadcaster.Send(ctx, broadcast.To(group(room)).Except(except), push)
	return err
}

// group returns the name of a room's group of connections.
func group(room string) string { return "room:" + room }
