package wstest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
)

// message is the meaning of a frame in the wire format; see docs/protocol.md. For a frame of
// another protocol it is the zero message.
type message struct {
	ID           *string
	Event, Topic string
	Data         json.RawMessage
	Error        *wireError
}

// namesOf returns the names of the members of a handler's frames: those of its description, or else
// those of the protocol.
func namesOf(h lambda.Handler) gatesock.Envelope {
	var e gatesock.Envelope
	if app, ok := gatesock.AppOf(h); ok {
		e = app.Describe().Envelope
	}
	return gatesock.Envelope{
		Action: cmp.Or(e.Action, "action"), ID: cmp.Or(e.ID, "id"), Data: cmp.Or(e.Data, "data"),
		Error: cmp.Or(e.Error, "error"), Event: cmp.Or(e.Event, "event"), Topic: cmp.Or(e.Topic, "topic"), Input: e.Input,
	}
}

// Failure is a [gatesock.Error] as the client receives it. It does not implement error, so that a
// test that only needs the code may ignore the result of [Call.ExpectError].
type Failure struct {
	Code    gatesock.Code
	Message string
	// RetryAfter has millisecond precision. It is zero if the frame has none.
	RetryAfter time.Duration
	// Details is JSON. It is nil if the frame has none.
	Details json.RawMessage
}

type wireError struct {
	Code         gatesock.Code   `json:"code"`
	Message      string          `json:"message"`
	RetryAfterMS int64           `json:"retryAfterMs"`
	Details      json.RawMessage `json:"details"`
}

func (e *wireError) failure() Failure {
	return Failure{
		Code:       e.Code,
		Message:    e.Message,
		RetryAfter: time.Duration(e.RetryAfterMS) * time.Millisecond,
		Details:    e.Details,
	}
}

func parseMessage(text string, names gatesock.Envelope) message {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &members) != nil {
		return message{}
	}
	m := message{Data: members[names.Data]}
	for name, into := range map[string]any{
		names.ID: &m.ID, names.Error: &m.Error, names.Event: &m.Event, names.Topic: &m.Topic,
	} {
		if value, ok := members[name]; ok && json.Unmarshal(value, into) != nil {
			return message{}
		}
	}
	if names.Event == names.Action && m.ID != nil {
		m.Event = "" // the name is the action of an answer
	}
	return m
}

// answers reports whether the message is the reply or the error for a request.
func (m message) answers(id string) bool { return m.ID != nil && *m.ID == id && m.Event == "" }

// isNull reports whether the data is missing or null, as in an acknowledgement.
func (m message) isNull() bool { return len(m.Data) == 0 || string(m.Data) == "null" }

// decode decodes the data into the pointer out, unless out is nil. It decodes null only into a type
// that can be nil: for others, encoding/json would leave the value unchanged, and a test would see
// the value that it put there itself.
func (m message) decode(out any) error {
	if out == nil {
		return nil
	}
	v := reflect.ValueOf(out)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("out is a %T, not a pointer to decode into", out)
	}
	if len(m.Data) == 0 {
		return errors.New("the frame has no data")
	}
	if m.isNull() {
		switch v.Elem().Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		default:
			return fmt.Errorf("its data is null, which does not fit into %T", out)
		}
	}
	if err := json.Unmarshal(m.Data, out); err != nil {
		return fmt.Errorf("its data does not fit into %T: %w", out, err)
	}
	return nil
}

// encodeRequest returns the frame of a request: action, id unless it is empty, and the members of
// v, which must encode to an object or null. If the envelope has a member for the input, they are
// in that member.
func encodeRequest(action, id string, v any, names gatesock.Envelope) (string, error) {
	data, err := gatesock.JSON{}.Marshal(v)
	if err != nil {
		return "", err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return "", fmt.Errorf("%T does not encode to a JSON object: %s", v, clip(string(data)))
	}
	if members == nil { // v encodes to null
		members = map[string]json.RawMessage{}
	}
	if names.Input != "" && len(members) > 0 {
		members = map[string]json.RawMessage{names.Input: data}
	}
	if err := setMember(members, names.Action, action); err != nil {
		return "", err
	}
	if id != "" {
		if err := setMember(members, names.ID, id); err != nil {
			return "", err
		}
	}
	frame, err := gatesock.JSON{}.Marshal(members)
	return string(frame), err
}

// setMember sets a member of the protocol. If members already has one of that name, in any case
// because encoding/json ignores the case of names, it must be empty or have the same value.
func setMember(members map[string]json.RawMessage, name, value string) error {
	text, err := gatesock.JSON{}.Marshal(value)
	if err != nil {
		return err
	}
	for other, v := range members {
		if !strings.EqualFold(other, name) {
			continue
		}
		if s := string(v); s != `""` && s != string(text) {
			return fmt.Errorf("its member %q would replace the request's %q", other, name)
		}
		delete(members, other)
	}
	members[name] = text
	return nil
}
