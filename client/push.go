package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
)

// defaultBuffer is how many events wait for an iterator.
const defaultBuffer = 1024

// Push is a message of the server that answers nothing and belongs to no topic's log.
type Push struct {
	// Name is what happened, the member "event".
	Name string
	// Topic is what the push is about, or "".
	Topic string
	// Data is defined by the event. Do not change it.
	Data json.RawMessage
}

// Decode decodes the data into v, as [json.Unmarshal] does.
func (p Push) Decode(v any) error { return decode(p.Name, p.Data, v) }

func decode(name string, data json.RawMessage, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("client: the data of %q: %w", name, err)
	}
	return nil
}

// Listener has the pushes of some events. [Client.Listen] makes it.
type Listener struct {
	client *Client
	queue  *queue[Push]
}

// Listen returns a Listener for the pushes of the events that are named, from now on, or for those
// of all events if none is. They are delivered at most once, and in the order in which they arrive;
// only those of topics are made up for if they are lost. Close it when it is not needed any more.
func (c *Client) Listen(events ...string) *Listener {
	l := &Listener{client: c, queue: &queue[Push]{limit: defaultBuffer}}
	if names := slices.Clone(events); len(names) > 0 {
		l.queue.wants = func(p Push) bool { return slices.Contains(names, p.Name) }
	}
	c.pushes.join(l.queue)
	return l
}

// Pushes yields the pushes, and an error at the end: that of ctx, [ErrClosed] if the client was
// closed, and [ErrSlowConsumer] if 1,024 pushes have been waiting. It ends without an error after
// [Listener.Close].
func (l *Listener) Pushes(ctx context.Context) iter.Seq2[Push, error] { return l.queue.all(ctx) }

// Close ends the Listener and its iterators.
func (l *Listener) Close() {
	l.client.pushes.leave(l.queue)
	l.queue.end(nil)
}
