package recipes

import (
	"context"
	"log/slog"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
)

type rooms struct {
	store conn.Store
	b     *broadcast.Broadcaster
}

func newRooms(api gatesock.ConnectionsAPI) *rooms {
	a := new(rooms)
	a.store = conn.NewMemory(conn.WithEnded(a.left)) // or dynamo.Open with dynamo.WithEnded(a.left)
	a.b = broadcast.New(api, a.store)
	return a
}

// left announces to each room of a connection that its user has left.
func (a *rooms) left(ctx context.Context, c conn.Conn, cause conn.EndCause) {
	if cause == conn.EndRefused { // it never was there
		return
	}
	for _, group := range c.Groups {
		if group == conn.UserGroup(c.User) {
			continue
		}
		_, err := a.b.Send(ctx, broadcast.To(group), gatesock.Push{Event: "left", Topic: group, Data: c.User})
		if err != nil {
			slog.ErrorContext(ctx, "announce that a user has left", "group", group, "error", err)
		}
	}
}
