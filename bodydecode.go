package gatesock

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/internal/jsontext"
)

// strictly gives an Unmarshal that refuses members that In does not have, but for those that are the
// protocol's own.
func strictly[In any](c StrictCodec) func([]byte, any) error {
	var own []string
	for _, name := range []string{"action", "id"} {
		if c.UnmarshalStrict([]byte(`{"`+name+`":null}`), new(In)) != nil {
			own = append(own, name)
		}
	}
	return func(data []byte, v any) error {
		return c.UnmarshalStrict(without(data, own), v)
	}
}

// without gives a JSON object without some of its members. Anything else it gives as it is.
func without(data []byte, names []string) []byte {
	members, ok := membersOf(data)
	if !ok {
		return data
	}
	b := append(make([]byte, 0, len(data)), '{')
	for _, m := range members {
		if !slices.Contains(names, m.name) {
			b = m.appendTo(b)
		}
	}
	return append(b, '}')
}

// member is a member of a JSON object.
type member struct{ name, value string }

func (m member) appendTo(b []byte) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(jsontext.AppendString(b, m.name), ':')
	return append(b, m.value...)
}

// membersOf gives the members of a JSON object, and false if data is not one.
func membersOf(data []byte) ([]member, bool) {
	s := jsontext.NewScanner(data, nil)
	if s.Peek() != '{' {
		return nil, false
	}
	s.Open('{')
	var list []member
	for s.More('}') {
		name := s.Name()
		list = append(list, member{name, s.Raw()})
	}
	return list, s.End() == nil
}

// decodeError puts the error of a codec into words for the client. try decodes another message in the same
// way.
func decodeError(err error, body []byte, try func([]byte) error) error {
	var public *Error
	if errors.As(err, &public) {
		return err
	}
	var wrongType *json.UnmarshalTypeError
	members, isObject := membersOf(body)
	if errors.As(err, &wrongType) && (wrongType.Field != "" || !isObject) {
		return wrongTypeError(wrongType).WithCause(err)
	}
	if !isObject {
		return notObjectError(body).WithCause(err)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return Errorf(CodeInvalidArgument, "unknown member %s", name).WithCause(err)
	}
	for _, m := range members {
		if memberErr := try(append(m.appendTo([]byte{'{'}), '}')); memberErr != nil {
			return memberError(m.name, memberErr).WithCause(err)
		}
	}
	return Errorf(CodeInvalidArgument, "the message has a value that is not accepted").WithCause(err)
}

// memberError says what is wrong with a member that an own type of the application, or a map, refuses.
func memberError(name string, err error) *Error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return wrongTypeError(&json.UnmarshalTypeError{Field: name, Type: wrongType.Type, Value: wrongType.Value})
	}
	return Errorf(CodeInvalidArgument, "%s has a value that is not accepted", quoteShort(name))
}

func notObjectError(body []byte) *Error {
	s := jsontext.NewScanner(body, nil)
	s.Skip()
	if err := s.End(); err != nil {
		return Errorf(CodeInvalidArgument, "the message is not valid JSON: %v", err)
	}
	return Errorf(CodeInvalidArgument, "the message must be a JSON object")
}

func wrongTypeError(e *json.UnmarshalTypeError) *Error {
	want := kindName(e.Type)
	got, _, _ := strings.Cut(e.Value, " ")
	switch {
	case e.Field == "":
		return Errorf(CodeInvalidArgument, "the message must be %s, not %s", want, article(got))
	case got == "number" && strings.Contains(want, "integer"):
		return Errorf(CodeInvalidArgument, "%q must be %s that fits into %s", e.Field, want, e.Type)
	default:
		return Errorf(CodeInvalidArgument, "%q must be %s, not %s", e.Field, want, article(got))
	}
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "an integer"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a non-negative integer"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return kindName(t.Elem())
	default:
		return fmt.Sprintf("a value for %s", t)
	}
}

// article names a kind of JSON value as encoding/json spells it.
func article(kind string) string {
	switch kind {
	case "array", "object":
		return "an " + kind
	case "bool":
		return "a boolean"
	default:
		return "a " + kind
	}
}

// validationError gives the public form of what Validate returned.
func validationError(err error) error {
	var public *Error
	if errors.As(err, &public) {
		return err
	}
	return Errorf(CodeInvalidArgument, "%s", err.Error())
}
