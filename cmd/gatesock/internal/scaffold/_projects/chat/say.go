package main

import (
	"context"

	"github.com/gatesock/gatesock"
)

// say sends a message to a room. Its sender gets it as the reply.
func (c *chat) say(ctx context.Context, req *gatesock.Request, in Say) (Message, error) {
	if err := c.inRoom(ctx, req, in.Room); err != nil {
		return Message{}, err
	}
	m := Message{Name: req.PrincipalID(), Text: in.Text, At: req.Time}
	return m, c.send(ctx, in.Room, req.ConnectionID, c.message.Push(in.Room, m))
}

// showTyping shows the others in a room that somebody is typing. Its route is one-way: clients get
// no answer, not even an error.
func (c *chat) showTyping(ctx context.Context, req *gatesock.Request, in InRoom) error {
	if err := c.inRoom(ctx, req, in.Room); err != nil {
		return err
	}
	me := Member{ID: req.ConnectionID, Name: req.PrincipalID()}
	return c.send(ctx, in.Room, me.ID, c.typing.Push(in.Room, me))
}
