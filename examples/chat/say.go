package chat

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/topic"
)

// say publishes a message in its room. A repeated key publishes nothing: the reply is the position
// of the first message with the key.
func (a *App) say(ctx context.Context, req *gatesock.Request, in Say) (Said, error) {
	name, err := a.speaker(ctx, req, in.Room)
	if err != nil {
		return Said{}, err
	}
	var opts []topic.PublishOption
	if in.Key != "" {
		opts = append(opts, topic.WithKey(in.Key))
	}
	push := a.pushes.message.Push(topicOf(in.Room), Message{Key: in.Key, Name: name, Text: in.Text, At: req.Time})
	at, _, err := a.topics.Publish(ctx, push.Topic, push.Event, push.Data, opts...)
	if at.IsZero() {
		return Said{}, err
	}
	if err != nil { // members that it was not pushed to ask for it
		slog.WarnContext(ctx, "chat: pushing a message", "room", in.Room, "error", err)
	}
	return Said{Position: at, Key: in.Key}, nil
}

// typing sends the others in the room the name of the person who is typing. It is at most once.
func (a *App) typing(ctx context.Context, req *gatesock.Request, in Typing) error {
	name, err := a.speaker(ctx, req, in.Room)
	if err != nil {
		return err
	}
	room := topicOf(in.Room)
	_, err = a.broadcaster.Send(ctx, broadcast.To(topic.Group(room)).Except(req.ConnectionID),
		a.pushes.typing.Push(room, Typist{name}))
	return err
}

// appendTimeout is how long a message may take to be stored: less than the page waits for an
// answer.
const appendTimeout = 4 * time.Second

var errSlow = errors.New("chat: the message was not stored in time")

// hasty is a log that gives up early.
type hasty struct{ topic.Log }

// Append appends an entry within appendTimeout.
func (h hasty) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, appendTimeout, errSlow)
	defer cancel()
	return h.Log.Append(ctx, name, e)
}
