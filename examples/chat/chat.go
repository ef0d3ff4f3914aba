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
	sweeper     lambda.Handler // nil for a chat in memory
	router      *gatesock.Router
	pushes      pushes
}

// postTimeout is short, because the sender of a message waits for the slowest receiver.
const postTimeout = 3 * time.Second

// New returns a chat that keeps its connections in store and its messages in history, and reaches
// clients through poster. Without [WithSignIn] it lets anybody in, under any name.
func New(store conn.Store, history History, poster gatesock.Poster, opts ...Option) *App {
	registry, ok := store.(*departures)
	if !ok {
		registry = &departures{Store: store}
	}
	a := &App{
		store: registry,
		broadcaster: broadcast.New(poster, registry,
			broadcast.WithPostTimeout(postTimeout),
			// Members of a room have finished connecting, so one that is reported gone is gone.
			broadcast.WithPruneGrace(0)),
		clock:   &clock{},
		history: history,
		access:  access{renewals: authz.NewMemoryRenewals()},
		limits:  limits{store: ratelimit.NewMemory()},
	}
	for _, o := range opts {
		o(a)
	}
	a.router = a.newRouter()
	return a
}

// Handler returns the handler for gatesock.Start or an emulator: the routes, with [WithSignIn] the
// authorizer, and on a table a sweep for a schedule.
func (a *App) Handler() lambda.Handler {
	sources := []eventmux.Source{eventmux.WebSocket(a.router)}
	if a.HasSignIn() {
		sources = append(sources, eventmux.Authorizer(a.access.authorizer()))
	}
	if a.sweeper != nil {
		sources = append(sources, eventmux.Schedule("sweep", a.sweeper))
	}
	return eventmux.New(sources...)
}

// Router returns the chat's routes.
func (a *App) Router() *gatesock.Router { return a.router }

func (a *App) newRouter() *gatesock.Router {
	r := gatesock.New(gatesock.DenyByDefault(), gatesock.WithKeepAlive("keepalive"))
	a.pushes = declarePushes(r)
	r.Use(gatesock.Recover(), authz.NegotiateSubprotocol(Protocol))
	a.limits.apply(r) // before everything that may read a table
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

// ping is how the page finds out whether the server is there: its reply has the id of the request.
// The route keepalive, which the API answers itself, is for clients that only keep their connection
// open.
func ping(context.Context, *gatesock.Request, struct{}) error { return nil }

// unknown answers messages that match no route.
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
