package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// maxMembers is how many members a [Room] lists, so that the reply fits into a message.
const maxMembers = 100

// join enters a room, and returns who is there.
func (c *chat) join(ctx context.Context, req *gatesock.Request, in InRoom) (Room, error) {
	if err := c.store.Join(ctx, req.ConnectionID, group(in.Room)); err != nil {
		return Room{}, err
	}
	me := Member{ID: req.ConnectionID, Name: req.PrincipalID()}
	if err := c.send(ctx, in.Room, me.ID, c.joined.Push(in.Room, me)); err != nil {
		return Room{}, err
	}
	room := Room{Members: []Member{}}
	for other, err := range conn.Records(ctx, c.store, group(in.Room)) {
		if err != nil {
			return Room{}, err
		}
		room.Members = append(room.Members, Member{ID: other.ID, Name: other.User})
		if len(room.Members) == maxMembers {
			break
		}
	}
	return room, nil
}

// leave leaves a room.
func (c *chat) leave(ctx context.Context, req *gatesock.Request, in InRoom) error {
	if err := c.inRoom(ctx, req, in.Room); err != nil {
		return err
	}
	if err := c.store.Leave(ctx, req.ConnectionID, group(in.Room)); err != nil {
		return err
	}
	me := Member{ID: req.ConnectionID, Name: req.PrincipalID()}
	return c.send(ctx, in.Room, me.ID, c.left.Push(in.Room, me))
}

// ended is called for each connection that has ended, however it ended. The others in its rooms
// learn that it has left.
func (c *chat) ended(ctx context.Context, gone conn.Conn, _ conn.EndCause) {
	for _, g := range gone.Groups {
		room, ok := strings.CutPrefix(g, group(""))
		if !ok {
			continue
		}
		push := c.left.Push(room, Member{ID: gone.ID, Name: gone.User})
		if err := c.send(ctx, room, gone.ID, push); err != nil {
			slog.ErrorContext(ctx, "announcing that a member has left", "room", room, "error", err)
		}
	}
}

// inRoom returns an error unless the sender of a message is in the room.
func (c *chat) inRoom(ctx context.Context, req *gatesock.Request, room string) error {
	me, err := c.store.Get(ctx, req.ConnectionID)
	if err != nil {
		return err
	}
	if !slices.Contains(me.Groups, group(room)) {
		return gatesock.Errorf(gatesock.CodeFailedPrecondition, "join the room %q first", room)
	}
	return nil
}
