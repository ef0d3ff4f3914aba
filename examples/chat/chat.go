package chat

import (
	"context"
	"encoding/json"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
)

// App is the chat. It is safe for concurrent use.
type App struct {
	store       *departures
	broadcaster *broadcast.Broadcaster
	clock       *clock
	history     History
}

// postTimeout is short, since who says something waits for the slowest of the others.
const postTimeout = 3 * time.Second

// New returns a chat that keeps its connections in store and its messages in history, and reaches clients through
// poster.
//
// Who is in a room has finished connecting, so a post that finds them gone is to be believed at once: the grace for
// connections that are not open yet is switched off.
func New(store conn.Store, history History, poster gatesock.Poster) *App {
	registry := &departures{Store: store}
	return &App{
		store: registry,
		broadcaster: broadcast.New(poster, registry,
			broadcast.WithPostTimeout(postTimeout), broadcast.WithPruneGrace(0)),
		clock:   &clock{},
		history: history,
	}
}

// Router returns the chat's routes, to be given to gatesock.Start or to an emulator.
func (a *App) Router() *gatesock.Router {
	r := gatesock.New()
	r.Use(gatesock.Recover(), a.sayGoodbye, conn.Track(a.store))
	gatesock.HandleReply(r, "join", a.join)
	gatesock.Handle(r, "leave", a.leave)
	gatesock.HandleReply(r, "say", a.say)
	gatesock.Handle(r, "typing", a.typing)
	gatesock.Handle(r, "ping", ping)
	r.Default(unknown)
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
