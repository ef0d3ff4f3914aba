package gatesock

import (
	"fmt"

	"github.com/gatesock/gatesock/internal/jsontext"
)

// Push is a message that the server sends of its own accord. On the wire it is
//
//	{"event":"message","topic":"room:1","data":{…}}
type Push struct {
	// Event says what happened. It must not be empty.
	Event string
	// Topic says where, as with a room's name; empty leaves it out.
	Topic string
	// Data is encoded by the [Codec].
	Data any
}

// Encode gives the frame of the push. A nil codec means [JSON]. The frame is not checked against
// [MaxMessageSize]; who sends it does.
func (p Push) Encode(c Codec) ([]byte, error) {
	if p.Event == "" {
		return nil, fmt.Errorf("gatesock: push without an event")
	}
	if c == nil {
		c = JSON{}
	}
	data, err := c.Marshal(p.Data)
	if err != nil {
		return nil, fmt.Errorf("gatesock: encoding the data of push %q: %w", p.Event, err)
	}
	f := make([]byte, 0, len(data)+len(p.Event)+len(p.Topic)+32)
	f = append(f, `{"event":`...)
	f = jsontext.AppendString(f, p.Event)
	if p.Topic != "" {
		f = append(f, `,"topic":`...)
		f = jsontext.AppendString(f, p.Topic)
	}
	f = append(f, `,"data":`...)
	f = append(f, data...)
	return append(f, '}'), nil
}
