package wstest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
)

// message is what the wire format says about a frame that a client receives; see docs/protocol.md. A frame that is not
// of the protocol is the zero message.
type message struct {
	ID           *string
	Event, Topic string
	Data         json.RawMessage
	Error        *wireError
}

// namesOf returns the names of the members of the frames of a handler: those that it describes, and otherwise those of
// the protocol.
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

// Failure is an error as a client sees it: what of a [gatesock.Error] goes over the wire. It is not an error itself, so
// that tests that are content with the code may ignore it.
type Failure struct {
	Code    gatesock.Code
	Message string
	// RetryAfter is in whole milliseconds; zero if the frame has none.
	RetryAfter time.Duration
	// Details is JSON; nil if the frame has none.
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
	for name, into := range map[string]any{names.ID: &m.ID, names.Error: &m.Error, names.Event: &m.Event, names.Topic: &m.Topic} {
		if value, ok := members[name]; ok && json.Unmarshal(value, into) != nil {
			return message{}
		}
	}
	if names.Event == names.Action && m.ID != nil {
		m.Event = "" // it is the action of an answer
	}
	return m
}

// answers tells whether this is the reply or the error for a request.
func (m message) answers(id string) bool { return m.ID != nil && *m.ID == id && m.Event == "" }

// isNull tells whether the data is missing or null, as in an acknowledgement.
func (m message) isNull() bool { return len(m.Data) == 0 || string(m.Data) == "null" }

// decode decodes the data into out, a pointer; nil leaves it undecoded. Null goes only into what can be nil: otherwise
// it would leave out as it was, and a test would see what it has put there itself.
func (m message) decode(out any) error {
	if out == nil {
		return nil
	}
	v := reflect.ValueOf(out)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("out is a %T, not a pointer to decode into", out)
	}
	if len(m.Data) == 0 {
		return fmt.Errorf("it has no data")
	}
	if m.isNull() {
		switch v.Elem().Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		default:
			return fmt.Errorf("its data is null, and %T can't hold that", out)
		}
	}
	if err := json.Unmarshal(m.Data, out); err != nil {
		return fmt.Errorf("its data does not fit into %T: %w", out, err)
	}
	return nil
}

// encodeRequest returns the frame of a request: action, id if it is not empty, and the members of v, which must encode to
// an object or be nil, in the member for the input if there is one.
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

// setMember sets a member of the protocol. The data may have one of that name, in any case since encoding/json reads
// names so, only if it is empty or says the same.
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
			return fmt.Errorf("its member %q is taken by the request's own %q", other, name)
		}
		delete(members, other)
	}
	members[name] = text
	return nil
}

// matchText tells whether text is what pattern says: byte for byte, with "…" or "..." for any run of text.
func matchText(pattern, text string) bool {
	parts := strings.Split(strings.ReplaceAll(pattern, "...", "…"), "…")
	first, rest := parts[0], parts[1:]
	if len(rest) == 0 {
		return text == first
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	last := rest[len(rest)-1]
	for _, part := range rest[:len(rest)-1] {
		_, after, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = after
	}
	return strings.HasSuffix(text, last)
}
