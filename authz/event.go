package authz

import (
	"encoding/json"
	"errors"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// The members of an event are strict where a decision depends on what they say, and otherwise take what an event has in
// their place: times were seen as floats and as strings, and empty strings for objects (aws-lambda-go#154).

// text is a string, or the JSON of another value; a null is empty.
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(b []byte) error {
	s := jsonscan.NewScanner(b, nil)
	value, _ := s.Scalar()
	*t = text(value)
	return nil
}

// texts is an array of texts, or one that stands for itself.
type texts []string

// UnmarshalJSON never fails.
func (l *texts) UnmarshalJSON(b []byte) error {
	s := jsonscan.NewScanner(b, nil)
	if s.Null() {
		return nil
	}
	if s.Peek() != '[' {
		value, _ := s.Scalar()
		*l = texts{value}
		return nil
	}
	s.Open('[')
	for s.More(']') {
		value, _ := s.Scalar()
		*l = append(*l, value)
	}
	return nil
}

// millis is a time, in milliseconds; 0 if it is none.
type millis int64

// UnmarshalJSON never fails.
func (m *millis) UnmarshalJSON(b []byte) error {
	s := jsonscan.NewScanner(b, nil)
	s.Integer((*int64)(m))
	return nil
}

// object is an object of texts or lists. A null or an empty string is one without members.
type object[V text | texts] map[string]V

// UnmarshalJSON fails for any other value: a client whose headers can't be read is not one that has sent none.
func (o *object[V]) UnmarshalJSON(b []byte) error {
	s := jsonscan.NewScanner(b, nil)
	if string(b) == `""` || s.Null() {
		return nil
	}
	if s.Peek() != '{' {
		return errors.New("headers, parameters and stage variables have to be in objects")
	}
	return json.Unmarshal(b, (*map[string]V)(o))
}

// identity is what the gateway knows of the client. It is empty unless it is an object.
type identity struct{ SourceIP, UserAgent text }

// UnmarshalJSON never fails for JSON.
func (i *identity) UnmarshalJSON(b []byte) error {
	if b[0] != '{' {
		return nil
	}
	type plain identity
	return json.Unmarshal(b, (*plain)(i))
}
