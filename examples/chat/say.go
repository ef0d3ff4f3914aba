package chat

import (
	"context"

	"github.com/gatesock/gatesock"
)

// say keeps a message and sends it to the others in the room. The one who says it has it in the answer. Said
// again under the same key, it is only answered again.
func (a *App) say(ctx context.Context, req *gatesock.Request, in Say) (Message, error) {
	c, err := a.member(ctx, req, in.Room)
	if err != nil {
		return Message{}, err
	}
	m, isNew, err := a.history.Add(ctx, in.Room, Message{Key: in.Key, Name: nameOf(c), Text: in.Text, At: req.Time})
	if err != nil || !isNew {
		return m, err
	}
	_, err = a.tell(ctx, in.Room, c.ID, "message", m)
	return m, err
}

// typing tells the others in the room who is writing.
func (a *App) typing(ctx context.Context, req *gatesock.Request, in Typing) error {
	c, err := a.member(ctx, req, in.Room)
	if err != nil {
		return err
	}
	_, err = a.tell(ctx, in.Room, c.ID, "typing", map[string]string{"name": nameOf(c)})
	return err
}
