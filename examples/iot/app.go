package iot

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/topic"
)

// App receives what devices measure and shows it on dashboards. It is safe for concurrent use.
type App struct {
	settings

	stores   Stores
	topics   *topic.Topics
	types    map[string]Type
	keys     *apikey.Manager
	tickets  *authz.Tickets
	limits   limits
	refusals refusals
	tenants  sync.Map       // the names of those that are known to have devices
	sweeper  lambda.Handler // nil in memory
	router   *gatesock.Router
}

// postTimeout is short, because a device waits for the slowest dashboard.
const postTimeout = 3 * time.Second

// New returns an app with its state in stores, which reaches clients through poster.
func New(stores Stores, poster gatesock.Poster, opts ...Option) *App {
	a := &App{settings: newSettings(opts), stores: stores, types: Types()}
	a.keys = apikey.New(stores.Keys, apikey.WithClock(a.now))
	a.tickets = authz.NewTickets(stores.Tickets, authz.WithClock(a.now))
	a.limits = newLimits(stores.Limits, a.settings)
	a.refusals = refusals{pending: map[counter]Refusals{}}
	fanout := []broadcast.Option{broadcast.WithPostTimeout(postTimeout)}
	if a.coalescing > 0 {
		fanout = append(fanout, broadcast.WithCoalescing(a.coalescing))
	}
	a.topics = topic.New(stores.Log, stores.Connections,
		broadcast.New(poster, stores.Connections, fanout...),
		topic.WithLoggedPushErrors(), topic.WithClock(a.now),
		topic.WithRetention(a.keep), topic.WithState(stores.Values, stateOf))
	a.router = a.newRouter()
	return a
}

// Handler returns the handler for gatesock.Start or an emulator: the routes and their authorizer,
// the requests of [App.HTTP], the messages of MQTT devices, [App.Watch] on the schedule "watch",
// and on a table a sweep on the schedule "sweep".
func (a *App) Handler() lambda.Handler {
	sources := []eventmux.Source{
		eventmux.WebSocket(a.router),
		eventmux.Authorizer(authz.NewAuthorizer(a.authenticator())),
		eventmux.HTTP(a.HTTP()),
		eventmux.Schedule("watch", lambda.NewHandler(a.Watch)),
	}
	if a.sweeper != nil {
		sources = append(sources, eventmux.Schedule("sweep", a.sweeper))
	}
	return eventmux.New(append(sources, a.mqttRules()...)...)
}

// Members returns the user and the groups of an open connection, for the workbench.
func (a *App) Members(ctx context.Context, connectionID string) (user string, groups []string, err error) {
	c, err := a.stores.Connections.Get(ctx, connectionID)
	if errors.Is(err, conn.ErrNotFound) {
		return "", nil, nil
	}
	return c.User, c.Groups, err
}

// Router returns the routes of the WebSocket API.
func (a *App) Router() *gatesock.Router { return a.router }

// Keys returns the keys of devices and people, for example to make one. See access.go for what a
// key needs.
func (a *App) Keys() *apikey.Manager { return a.keys }

func (a *App) newRouter() *gatesock.Router {
	r := gatesock.New(gatesock.DenyByDefault(), gatesock.WithKeepAlive("keepalive"))
	gatesock.DeclarePush[Reading](r, "reading")
	gatesock.DeclarePush[Alert](r, "alert")
	gatesock.DeclarePush[Order](r, "command")
	r.Use(gatesock.Recover(), gatesock.Timeout(handlerTime), conn.Track(a.stores.Connections))
	r.OnConnect(a.connected)
	a.topics.Register(r, mayRead, authz.RequirePrincipal())
	devices := authz.RequireFunc("device or ingest", speaksForDevices)
	route(r, "report", a.report, devices, gatesock.WithMiddleware(a.countMalformed))
	route(r, "result", a.result, devices)
	route(r, "command", a.command, authz.RequireScopes(ScopeOperate))
	route(r, "acknowledge", a.acknowledge, authz.RequireScopes(ScopeOperate))
	route(r, "register", a.register, authz.RequireScopes(ScopeManage))
	route(r, "catalog", a.catalog, authz.RequirePrincipal())
	r.OnDefault(unknown, authz.AllowAnyone())
	return r
}

// route adds a route whose handler needs to know only who has sent a message.
func route[In, Out any](
	r *gatesock.Router, action string, h func(context.Context, caller, In) (Out, error), opts ...gatesock.RouteOption,
) {
	gatesock.HandleReply(r, action, func(ctx context.Context, req *gatesock.Request, in In) (Out, error) {
		return h(ctx, callerOf(req), in)
	}, opts...)
}

// handlerTime is less than the gateway waits for a handler.
const handlerTime = 25 * time.Second

// unknown answers messages that match no route.
func unknown(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
	if !json.Valid(req.Body) {
		return nil, gatesock.Errorf(gatesock.CodeInvalidArgument, "the message is not JSON")
	}
	return nil, gatesock.Errorf(gatesock.CodeNotFound, "there is no action %.40q", req.Action)
}
