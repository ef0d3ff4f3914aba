package chat

import (
	"context"
	"slices"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// join enters a room. It may be repeated; the others are told only once.
func (a *App) join(ctx context.Context, req *gatesock.Request, in Join) (Joined, error) {
	var err error
	if in.Name, err = a.access.name(req, in.Name); err != nil {
		return Joined{}, err
	}
	if err := a.access.enter(req, in.Room); err != nil {
		return Joined{}, err
	}
	c, err := a.connection(ctx, req)
	if err != nil {
		return Joined{}, err
	}
	if name := nameOf(c); name != "" && name != in.Name {
		return Joined{}, gatesock.Errorf(gatesock.CodeFailedPrecondition, "on this connection your name is %q", name)
	}
	for _, group := range []string{nameGroup(in.Name), roomGroup(in.Room)} {
		if err := a.store.Join(ctx, c.ID, group); err != nil {
			return Joined{}, err
		}
	}
	online, err := a.online(ctx, in.Room)
	if err != nil {
		return Joined{}, err
	}
	if !slices.Contains(c.Groups, roomGroup(in.Room)) {
		if online, err = a.announce(ctx, req, in, online); err != nil {
			return Joined{}, err
		}
	}
	messages, err := a.recent(ctx, in.Room)
	return Joined{Room: in.Room, Name: in.Name, Messages: messages, Online: online}, err
}

// announce sends the members of a room the name of a new one, and returns the updated list of
// members. The broadcast finds connections that ended without a $disconnect, as all do when a
// server is killed; they are no longer on the list.
func (a *App) announce(ctx context.Context, req *gatesock.Request, in Join, online Online) (Online, error) {
	gone, err := tell(ctx, a, in.Room, req.ConnectionID, a.pushes.joined,
		Notice{Name: in.Name, At: req.Time, Online: online})
	if err != nil || gone == 0 {
		return online, err
	}
	return a.online(ctx, in.Room)
}

// leave leaves a room. Leaving a room that the connection is not in is not an error.
func (a *App) leave(ctx context.Context, req *gatesock.Request, in Leave) error {
	c, err := a.connection(ctx, req)
	if err != nil || !slices.Contains(c.Groups, roomGroup(in.Room)) {
		return err
	}
	if err := a.store.Leave(ctx, c.ID, roomGroup(in.Room)); err != nil {
		return err
	}
	return a.tellLeft(ctx, c, in.Room, req.Time)
}

// connection returns the record of a request's connection. If it is missing, conn.Track asks the
// client to connect again.
func (a *App) connection(ctx context.Context, req *gatesock.Request) (conn.Conn, error) {
	return a.store.Get(ctx, req.ConnectionID)
}

// member returns the record of a request's connection if it is in the room and still allowed there.
func (a *App) member(ctx context.Context, req *gatesock.Request, room string) (conn.Conn, error) {
	if err := a.access.enter(req, room); err != nil {
		return conn.Conn{}, err
	}
	c, err := a.connection(ctx, req)
	if err == nil && !slices.Contains(c.Groups, roomGroup(room)) {
		return c, gatesock.Errorf(gatesock.CodeFailedPrecondition, "join the room %q first", room)
	}
	return c, err
}
