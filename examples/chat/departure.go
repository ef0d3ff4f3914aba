package chat

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// departures is a registry that keeps deleted connections until take is called. A connection is
// deleted at its $disconnect, which may never come, or by a broadcast that finds it gone. Delete
// returns the record to only one of them, so that each departure is announced once.
type departures struct {
	conn.Store
	mu   sync.Mutex
	gone []conn.Conn
}

// Delete removes a connection and keeps it for take.
func (d *departures) Delete(ctx context.Context, id string) (conn.Conn, error) {
	c, err := d.Store.Delete(ctx, id)
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.gone = append(d.gone, c)
	}
	return c, err
}

// ended keeps a connection whose record the store itself has removed: because it has expired, for
// example with its token, or because a sweep has found the connection gone. No Delete finds it any
// more. It is a [conn.EndedFunc].
func (d *departures) ended(_ context.Context, c conn.Conn, cause conn.EndCause) {
	if cause != conn.EndExpired && cause != conn.EndSwept {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = append(d.gone, c)
}

func (d *departures) take() []conn.Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	gone := d.gone
	d.gone = nil
	return gone
}

// sayGoodbye is middleware that announces every departure that was found while the event was
// handled.
func (a *App) sayGoodbye(next gatesock.HandlerFunc) gatesock.HandlerFunc {
	return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		reply, err := next(ctx, req)
		a.announceDepartures(ctx, req.Time)
		return reply, err
	}
}

// announceDepartures announces the departures that were found. An announcement may find further
// ones, so it goes on until there are none.
func (a *App) announceDepartures(ctx context.Context, at time.Time) {
	for gone := a.store.take(); len(gone) > 0; gone = a.store.take() {
		for _, c := range gone {
			for _, room := range roomsOf(c) {
				if err := a.tellLeft(ctx, c, room, at); err != nil {
					slog.ErrorContext(ctx, "chat: announcing a departure", "room", room, "error", err)
				}
			}
		}
	}
}

// tellLeft announces to a room that a connection has left it.
func (a *App) tellLeft(ctx context.Context, c conn.Conn, room string, at time.Time) error {
	online, err := a.online(ctx, room)
	if err != nil {
		return err
	}
	_, err = tell(ctx, a, room, c.ID, a.pushes.left, Notice{Name: nameOf(c), At: at, Online: online})
	return err
}
