package chat

import (
	"context"

	"github.com/gatesock/gatesock"
)

// say keeps a message and sends it to the others in the room. The sender receives it as the reply.
// A repeated key only repeats the reply.
func (a *App) say(ctx context.Context, req *gatesock.Request, in Say) (Message, error) {
	c, err := a.member(ctx, req, in.Room)
	if err != nil {
		return Message{}, err
	}
	m, isNew, err := a.history.Add(ctx, in.Room, Message{Key: in.Key, Name: nameOf(c), Text: in.Text, At: req.Time})
	if err != nil || !isNew {
		return m, err
	}
	_, err = tell(ctx, a, in.Room, c.ID, a.pushes.message, m)
	return m, err
}

// typing sends the others in the room the name of the person who is typing.
func (a *App) typing(ctx context.Context, req *gatesock.Request, in Typing) error {
	c, err := a.member(ctx, req, in.Room)
	if err != nil {
		return err
	}
	_, err = tell(ctx, a, in.Room, c.ID, a.pushes.typing, Typist{nameOf(c)})
	return err
}
