package chat

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// departures is a registry that remembers who was deleted from it, until somebody asks. A connection is deleted
// at its $disconnect, which may never come, or by a broadcast that finds it gone; Delete gives its record
// to exactly one of them, so that each departure is told once.
type departures struct {
	conn.Store
	mu   sync.Mutex
	gone []conn.Conn
}

// Delete removes a connection, and remembers it.
func (d *departures) Delete(ctx context.Context, id string) (conn.Conn, error) {
	c, err := d.Store.Delete(ctx, id)
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.gone = append(d.gone, c)
	}
	return c, err
}

// expired remembers a connection whose record has expired, as with its token: no Delete finds it any more. It is a
// [conn.EndedFunc].
func (d *departures) expired(_ context.Context, c conn.Conn, cause conn.EndCause) {
	if cause != conn.EndExpired {
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

// sayGoodbye is middleware that tells of everybody who has gone while the event was handled. Telling may find
// out that others have gone too, so it goes on until there is nobody left to tell of.
func (a *App) sayGoodbye(next gatesock.HandlerFunc) gatesock.HandlerFunc {
	return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		reply, err := next(ctx, req)
		for gone := a.store.take(); len(gone) > 0; gone = a.store.take() {
			for _, c := range gone {
				for _, room := range roomsOf(c) {
					if err := a.tellLeft(ctx, c, room, req.Time); err != nil {
						slog.ErrorContext(ctx, "chat: telling of a departure", "room", room, "error", err)
					}
				}
			}
		}
		return reply, err
	}
}

// tellLeft tells those in a room that a connection is not in it any more.
func (a *App) tellLeft(ctx context.Context, c conn.Conn, room string, at time.Time) error {
	online, err := a.online(ctx, room)
	if err != nil {
		return err
	}
	_, err = a.tell(ctx, room, c.ID, "left", Notice{Name: nameOf(c), At: at, Online: online})
	return err
}
