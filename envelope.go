package gatesock

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// Envelope names the members of frames that are the protocol's own (docs/protocol.md), for clients that know them by other
// names. An empty name stands for that of the protocol, which is the member's own in lower case. The members inside
// "error" keep their names.
//
//	names := gatesock.Envelope{Action: "type", ID: "requestId", Data: "payload", Input: "payload"}
//	r := gatesock.New(gatesock.WithEnvelope(names))
//
//	→ {"type":"add","requestId":"1","payload":{"a":1,"b":2}}
//	← {"type":"add","requestId":"1","payload":{"sum":3}}
//
// The gateway's own error frames keep their shape, with a "message" and a "requestId" of the gateway's: where ID is called that,
// clients recognize them by the lack of Action.
//
// A [Router] takes it by [WithEnvelope], a broadcaster by broadcast.WithEnvelope; [Envelope.EncodePush] encodes a push under
// these names. The API's route selection expression has to name the same member as Action, as in $request.body.type;
// the emulator and package wstest take all names from the [App].
type Envelope struct {
	// Action and ID are in requests, replies and errors.
	Action, ID string
	// Data is in replies and pushes, Error in errors.
	Data, Error string
	// Event and Topic are in pushes. Event may be the same name as Action, for clients that recognize a push by the lack
	// of ID.
	Event, Topic string
	// Input is the member of a request that holds the action's own members, from which the In of a typed handler is decoded. If
	// it is empty, as in the protocol, they stand beside Action and ID.
	Input string
}

// WithEnvelope sets the names of the members that are the protocol's own. It panics if two members of one frame would have
// the same name, if a push could be taken for a reply or an error, or if a name is not UTF-8.
func WithEnvelope(e Envelope) Option {
	w, err := newWire(e)
	if err != nil {
		panic(fmt.Sprintf("gatesock: WithEnvelope at %s: %v", callerSite(), err))
	}
	return routerOption(func(r *Router) { r.wire = w })
}

// EncodePush returns the frame of a push under the names of e. It is otherwise like [Push.Encode].
func (e Envelope) EncodePush(p Push, c Codec) ([]byte, error) {
	w, err := newWire(e)
	if err != nil {
		return nil, fmt.Errorf("gatesock: the envelope of push %q: %w", p.Event, err)
	}
	return w.push(p, c)
}

// wire is an Envelope made ready for use: each name as it is compared with, and in JSON with the colon after it.
type wire struct {
	names                               Envelope
	id, action, data, err, event, topic string
}

// protocolWire has the names of docs/protocol.md; nothing changes it.
var protocolWire = &wire{ //nolint:gochecknoglobals // a constant, but for its type
	names: Envelope{Action: "action", ID: "id", Data: "data", Error: "error", Event: "event", Topic: "topic"},
	id:    `"id":`, action: `"action":`, data: `"data":`, err: `"error":`, event: `"event":`, topic: `"topic":`,
}

func newWire(e Envelope) (*wire, error) {
	if e == (Envelope{}) {
		return protocolWire, nil
	}
	e = Envelope{
		Action: cmp.Or(e.Action, "action"), ID: cmp.Or(e.ID, "id"), Data: cmp.Or(e.Data, "data"), Error: cmp.Or(e.Error, "error"),
		Event: cmp.Or(e.Event, "event"), Topic: cmp.Or(e.Topic, "topic"), Input: e.Input,
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	return &wire{e, written(e.ID), written(e.Action), written(e.Data), written(e.Error), written(e.Event), written(e.Topic)}, nil
}

// check returns an error if clients could not tell the members of a frame, or the frames, apart.
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
				return fmt.Errorf("the name %q is not UTF-8, which no message has", name)
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

// written returns a name as it stands in an object.
func written(name string) string { return string(jsonscan.AppendString(nil, name)) + ":" }

// push encodes a push.
func (w *wire) push(p Push, c Codec) ([]byte, error) {
	if p.Event == "" {
		return nil, errors.New("gatesock: push without an event")
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
