package chat

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/topic"
)

// App is the chat. It is safe for concurrent use.
type App struct {
	stores      Stores
	broadcaster *broadcast.Broadcaster
	topics      *topic.Topics
	access      access
	limits      limits
	interval    time.Duration
	sweeper     lambda.Handler // nil for a chat in memory
	router      *gatesock.Router
	pushes      pushes
}

// Stores are where a chat keeps its state.
type Stores struct {
	Connections conn.Store
	Log         topic.Log
	Roster      topic.Roster
	// Ended has its function in Connections.
	Ended *topic.Ended
}

// postTimeout is short, because the sender of a message waits for the slowest receiver.
const postTimeout = 3 * time.Second

// New returns a chat with its state in stores, which reaches clients through poster. Without
// [WithSignIn] it lets anybody in, under any name.
func New(stores Stores, poster gatesock.Poster, opts ...Option) *App {
	a := &App{
		stores: stores,
		broadcaster: broadcast.New(poster, stores.Connections,
			broadcast.WithPostTimeout(postTimeout),
			// Members of a room have finished connecting, so one that is reported gone is gone.
			broadcast.WithPruneGrace(0)),
		access: access{renewals: authz.NewMemoryRenewals()},
		limits: limits{store: ratelimit.NewMemory()},
	}
	for _, o := range opts {
		o(a)
	}
	a.topics = topic.New(hasty{stores.Log}, stores.Connections, a.broadcaster,
		topic.WithRetention(retention), topic.WithPresence(stores.Roster, a.presence, stores.Ended))
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

// Members returns the user and the groups of an open connection, for the workbench.
func (a *App) Members(ctx context.Context, connectionID string) (user string, groups []string, err error) {
	c, err := a.stores.Connections.Get(ctx, connectionID)
	if errors.Is(err, conn.ErrNotFound) {
		return "", nil, nil
	}
	return c.User, c.Groups, err
}

// Router returns the chat's routes.
func (a *App) Router() *gatesock.Router { return a.router }

func (a *App) newRouter() *gatesock.Router {
	r := gatesock.New(gatesock.DenyByDefault(), gatesock.WithKeepAlive("keepalive"))
	a.pushes = declarePushes(r)
	r.Use(gatesock.Recover(), authz.NegotiateSubprotocol(Protocol))
	a.limits.apply(r) // before everything that may read a table
	guard := a.access.guard(r)
	r.Use(conn.Track(a.stores.Connections))
	a.topics.Register(r, a.mayEnter, guard)
	gatesock.HandleReply(r, "say", a.say, guard)
	gatesock.Handle(r, "typing", a.typing, guard)
	r.OnDefault(unknown, authz.AllowAnyone())
	return r
}

// unknown answers messages that match no route.
func unknown(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
	switch {
	case !json.Valid(req.Body):
		return nil, gatesock.Errorf(gatesock.CodeInvalidArgument, "the message is not JSON")
	case req.Action == "":
		return nil, gatesock.Errorf(gatesock.CodeInvalidArgument, `the message has no "action"`)
	}
	return nil, gatesock.Errorf(gatesock.CodeNotFound,
		"there is no action %.40q; this chat knows say and typing, and those of topics", req.Action)
}
