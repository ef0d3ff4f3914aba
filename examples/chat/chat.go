package chat

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/ratelimit"
)

// App is the chat. It is safe for concurrent use.
type App struct {
	store       *departures
	broadcaster *broadcast.Broadcaster
	clock       *clock
	history     History
	access      access
	limits      limits
}

// postTimeout is short, since who says something waits for the slowest of the others.
const postTimeout = 3 * time.Second

// New returns a chat that keeps its connections in store and its messages in history, and reaches clients through
// poster.
//
// Without [WithSignIn] anybody may come, under any name. Who is in a room has finished connecting, so a post that finds them gone is to be believed at once: the grace for
// connections that are not open yet is switched off.
func New(store conn.Store, history History, poster gatesock.Poster, opts ...Option) *App {
	registry, ok := store.(*departures)
	if !ok {
		registry = &departures{Store: store}
	}
	a := &App{
		store: registry,
		broadcaster: broadcast.New(poster, registry,
			broadcast.WithPostTimeout(postTimeout), broadcast.WithPruneGrace(0)),
		clock:   &clock{},
		history: history,
		access:  access{renewals: authz.NewMemoryRenewals()},
		limits:  limits{store: ratelimit.NewMemory()},
	}
	for _, o := range opts {
		o(a)
	}
	return a
}

// Handler returns what is given to gatesock.Start or to an emulator: the routes, and with [WithSignIn] the authorizer too.
func (a *App) Handler() lambda.Handler {
	if a.access.tokens == nil {
		return a.Router()
	}
	return eventmux.New(eventmux.WebSocket(a.Router()), eventmux.Authorizer(a.access.authorizer()))
}

// Router returns the chat's routes.
func (a *App) Router() *gatesock.Router {
	r := gatesock.New(gatesock.DenyByDefault())
	r.Use(gatesock.Recover(), authz.NegotiateSubprotocol(Protocol))
	a.limits.apply(r) // before what may read a table
	guard := a.access.guard(r)
	r.Use(a.sayGoodbye, conn.Track(a.store))
	gatesock.HandleReply(r, "join", a.join, guard)
	gatesock.Handle(r, "leave", a.leave, guard)
	gatesock.HandleReply(r, "say", a.say, guard)
	gatesock.Handle(r, "typing", a.typing, guard)
	gatesock.Handle(r, "ping", ping, guard)
	r.OnDefault(unknown, authz.AllowAnyone())
	return r
}

// ping keeps a connection open: the gateway closes one that is silent for 10 minutes, and a browser can't send
// the protocol's own pings.
func ping(context.Context, *gatesock.Request, struct{}) error { return nil }

// unknown answers what no route takes.
func unknown(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
	switch {
	case !json.Valid(req.Body):
		return nil, gatesock.Errorf(gatesock.CodeInvalidArgument, "the message is not JSON")
	case req.Action == "":
		return nil, gatesock.Errorf(gatesock.CodeInvalidArgument, `the message has no "action"`)
	}
	return nil, gatesock.Errorf(gatesock.CodeNotFound,
		"there is no action %.40q; this chat knows join, leave, say, typing and ping", req.Action)
}

// tell sends an event to everybody in a room but one connection, and counts those who were found to be gone.
func (a *App) tell(ctx context.Context, room, except, event string, data any) (gone int, err error) {
	push := gatesock.Push{Event: event, Topic: roomGroup(room), Data: data}
	report, err := a.broadcaster.Send(ctx, broadcast.To(roomGroup(room)).Except(except), push)
	return report.Gone, err
}
