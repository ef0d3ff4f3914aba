package gatesock

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// Push is a message that the server sends without a request. Its frame is
//
//	{"event":"message","topic":"room:1","data":{…}}
//
// A broadcaster of package broadcast sends it to a group. To post it to one connection, encode it
// and give the frame to a [Poster].
type Push struct {
	// Event names what happened. It must not be empty.
	Event string
	// Topic names where it happened, such as a room. If it is empty, the frame has no topic.
	Topic string
	// Data is encoded by the [Codec].
	Data any
}

// Encode returns the frame of the push. If c is nil, it uses [JSON]. Encode fails if Event is
// empty, and if c fails or does not return one JSON value. It does not enforce [MaxMessageSize];
// the sender does. For clients with other names for the members, use [Envelope.EncodePush].
func (p Push) Encode(c Codec) ([]byte, error) { return protocolWire.push(p, c) }

// Envelope has the names of the members that the wire format adds to the application's own data
// (docs/protocol.md). Use it for existing clients that expect other names. An empty name means the
// name in the protocol, which is the field's name in lower case.
//
//	names := gatesock.Envelope{Action: "type", ID: "requestId", Data: "payload", Input: "payload"}
//	r := gatesock.New(gatesock.WithEnvelope(names))
//
//	→ {"type":"add","requestId":"1","payload":{"a":1,"b":2}}
//	← {"requestId":"1","type":"add","payload":{"sum":3}}
//
// A [Router] takes it by [WithEnvelope], a broadcaster by broadcast.WithEnvelope, and
// [Envelope.EncodePush] encodes a push with it. The route selection expression of the API must name
// the same member as Action, here $request.body.type. The emulator and package wstest take all
// names from the [App].
//
// The members inside "error" keep their names. So do the gateway's own error frames, which have a
// "message" and a "requestId" of the gateway: if ID is "requestId" too, clients can recognize these
// frames because they lack Action.
type Envelope struct {
	// Action and ID are members of requests, replies and errors.
	Action string `json:"action"`
	ID     string `json:"id"`
	// Data is a member of replies and pushes, Error a member of errors.
	Data  string `json:"data"`
	Error string `json:"error"`
	// Event and Topic are members of pushes. Event may be the same name as Action, for clients that
	// recognize a push because it lacks ID.
	Event string `json:"event"`
	Topic string `json:"topic"`
	// Input is the member of a request that contains the input of the action, from which the In of a
	// typed handler is decoded. If it is empty, as in the protocol, the input's members stand beside
	// Action and ID.
	Input string `json:"input,omitempty"`
}

// WithEnvelope sets the names of the members of the wire format. It panics if two members of one
// frame would have the same name, if a push could be mistaken for a reply or an error, or if a name
// is not UTF-8.
func WithEnvelope(e Envelope) Option {
	w, err := newWire(e)
	if err != nil {
		panic(fmt.Sprintf("gatesock: WithEnvelope at %s: %v", callerSite(), err))
	}
	return routerOption(func(r *Router) { r.wire = w })
}

// EncodePush returns the frame of a push with these names. It is otherwise like [Push.Encode].
func (e Envelope) EncodePush(p Push, c Codec) ([]byte, error) {
	w, err := newWire(e)
	if err != nil {
		return nil, fmt.Errorf("gatesock: encoding push %q: %w", p.Event, err)
	}
	return w.push(p, c)
}

// wire is an Envelope prepared for use: each name to compare with, and each as JSON with a colon
// after it.
type wire struct {
	names                               Envelope
	id, action, data, err, event, topic string
}

// protocolWire has the names of docs/protocol.md. It is never changed.
var protocolWire = &wire{ //nolint:gochecknoglobals // a constant in all but its type
	names: Envelope{Action: "action", ID: "id", Data: "data", Error: "error", Event: "event", Topic: "topic"},
	id:    `"id":`, action: `"action":`, data: `"data":`, err: `"error":`, event: `"event":`, topic: `"topic":`,
}

func newWire(e Envelope) (*wire, error) {
	if e == (Envelope{}) {
		return protocolWire, nil
	}
	e = e.withDefaults()
	if err := e.check(); err != nil {
		return nil, err
	}
	return &wire{
		names: e,
		id:    written(e.ID), action: written(e.Action), data: written(e.Data), err: written(e.Error),
		event: written(e.Event), topic: written(e.Topic),
	}, nil
}

// withDefaults returns the Envelope with all names.
func (e Envelope) withDefaults() Envelope {
	or := func(name *string, byDefault string) {
		if *name == "" {
			*name = byDefault
		}
	}
	or(&e.Action, "action")
	or(&e.ID, "id")
	or(&e.Data, "data")
	or(&e.Error, "error")
	or(&e.Event, "event")
	or(&e.Topic, "topic")
	return e
}

// check returns an error if clients could not distinguish the members of a frame, or the frames.
func (e Envelope) check() error {
	for _, frame := range []struct {
		kind    string
		members []string
	}{
		{"request", []string{e.Action, e.ID, e.Input}},
		{"reply", []string{e.Action, e.ID, e.Data, e.Error}},
		{"push", []string{e.Event, e.Topic, e.Data}},
	} {
		for i, name := range frame.members {
			switch {
			case slices.Contains(frame.members[:i], name):
				return fmt.Errorf("a %s would have two members %q", frame.kind, name)
			case !utf8.ValidString(name):
				return fmt.Errorf("the name %q is not UTF-8, so no message can have it", name)
			}
		}
	}
	switch {
	case e.Event == e.ID, e.Event == e.Action && e.Topic == e.ID:
		return fmt.Errorf("a push would have a member %q, and look like a reply", e.ID)
	case e.Event == e.Error, e.Topic == e.Error:
		return fmt.Errorf("a push would have a member %q, and look like an error", e.Error)
	}
	return nil
}

// written returns a name as it appears in a JSON object.
func written(name string) string { return string(jsonscan.AppendString(nil, name)) + ":" }

// push encodes a push.
func (w *wire) push(p Push, c Codec) ([]byte, error) {
	if p.Event == "" {
		return nil, errors.New("gatesock: encoding a push: Event is empty")
	}
	if c == nil {
		c = JSON{}
	}
	data, err := c.Marshal(p.Data)
	if err == nil {
		err = checkEncoded(c, data)
	}
	if err != nil {
		return nil, fmt.Errorf("gatesock: encoding the data of push %q: %w", p.Event, err)
	}
	f := make([]byte, 0, len(data)+len(p.Event)+len(p.Topic)+len(w.event)+len(w.topic)+len(w.data)+8)
	f = append(append(f, '{'), w.event...)
	f = jsonscan.AppendString(f, p.Event)
	if p.Topic != "" {
		f = append(append(f, ','), w.topic...)
		f = jsonscan.AppendString(f, p.Topic)
	}
	f = append(append(f, ','), w.data...)
	f = append(f, data...)
	return append(f, '}'), nil
}
