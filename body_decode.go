package gatesock

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// newDecoder returns the function that decodes a message into the In of a typed handler and
// validates it. A [bodyDecoder], which knows In only by reflection, decodes the message.
func newDecoder[In any](rt *route) func(*Request) (In, error) {
	t := reflect.TypeFor[In]()
	isPointer := t.Kind() == reflect.Pointer
	d := newBodyDecoder(rt, t)
	_, validates := d.newTarget().Interface().(validator) // In does, or a pointer to it
	return func(req *Request) (In, error) {
		var in In
		target := any(&in)
		if isPointer {
			v := d.newTarget()
			in, _ = v.Convert(t).Interface().(In)
			target = v.Interface()
		}
		if err := d.decode(req.Body, target); err != nil {
			return in, err
		}
		if validates {
			if err := target.(validator).Validate(); err != nil {
				return in, validationError(err)
			}
		}
		return in, nil
	}
}

// validator is an In that validates itself.
type validator interface{ Validate() error }

// validationError returns the public error for an error of Validate.
func validationError(err error) error {
	var public *Error
	if errors.As(err, &public) {
		return err
	}
	return Errorf(CodeInvalidArgument, "%s", err.Error())
}

// bodyDecoder decodes the messages of one route into its In, and explains to clients why a message
// cannot be decoded. It is safe for concurrent use.
//
// Decoding has three steps, in decode:
//
//  1. Find the JSON of the In: the message itself, or its member [Envelope.Input].
//  2. For a strict codec, remove the members of the protocol that In does not have.
//  3. Let the codec decode it into the target.
//
// If the codec fails, explain finds the wrong member. An error of the codec does not name it
// reliably: encoding/json reports no path into arrays and maps, and a codec of the application may
// report anything. With the codec [JSON], a [locator] therefore walks over the message and the type
// together. With other codecs, guess decodes the top-level members one by one, each in an object of
// its own, and the first that fails is the wrong one. None of this runs for a message that can be
// decoded.
type bodyDecoder struct {
	rt        *route
	in        reflect.Type
	unmarshal func([]byte, any) error
	strict    bool
	removed   []string // members of the protocol to remove before a strict codec sees the message
}

func newBodyDecoder(rt *route, in reflect.Type) *bodyDecoder {
	d := &bodyDecoder{rt: rt, in: in, unmarshal: rt.codec.Unmarshal, strict: rt.strict}
	if !rt.strict {
		return d
	}
	strict, ok := rt.codec.(StrictCodec)
	if !ok {
		panic(fmt.Sprintf("gatesock: route %q at %s has StrictDecoding, but its codec %T is not a StrictCodec", rt.key, rt.site, rt.codec))
	}
	d.unmarshal = strict.UnmarshalStrict
	if rt.nested() || rt.raw {
		return d
	}
	for _, name := range []string{rt.wire.names.Action, rt.wire.names.ID} {
		probe := append(member{name, "null"}.appendTo([]byte{'{'}), '}')
		if strict.UnmarshalStrict(probe, d.newTarget().Interface()) != nil {
			d.removed = append(d.removed, name)
		}
	}
	return d
}

// newTarget returns a pointer for the codec to decode into: to a new In or, if In is a pointer, to
// what it points to.
func (d *bodyDecoder) newTarget() reflect.Value {
	if d.in.Kind() == reflect.Pointer {
		return reflect.New(d.in.Elem())
	}
	return reflect.New(d.in)
}

// nested reports whether the In of the route is one member of the message, rather than the message
// itself.
func (rt *route) nested() bool { return rt.wire.names.Input != "" && !rt.raw }

// decode decodes a message into a target.
func (d *bodyDecoder) decode(body []byte, target any) error {
	switch {
	case d.rt.nested():
		input, err := d.input(body)
		if input == nil || err != nil {
			return err
		}
		body = input
	case !d.rt.raw && string(bytes.TrimSpace(body)) == "null":
		return errNotObject()
	}
	if len(d.removed) > 0 {
		body = without(body, d.removed)
	}
	if err := d.unmarshal(body, target); err != nil {
		return d.explain(err, body)
	}
	return nil
}

// input returns the member [Envelope.Input] of a message, or nil if there is none.
func (d *bodyDecoder) input(body []byte) (input []byte, err error) {
	s := jsonscan.NewScanner(body, nil)
	if s.Peek() != '{' {
		s.Skip()
		if err := s.End(); err != nil {
			return nil, errSyntax(err)
		}
		return nil, errNotObject()
	}
	names := &d.rt.wire.names
	var unknown place
	s.Open('{')
	for s.More('}') {
		switch name := s.Name(); {
		case name == names.Input:
			input = []byte(s.Raw())
		case unknown == nil && name != names.Action && name != names.ID:
			unknown = place(name)
			s.Skip()
		default:
			s.Skip()
		}
	}
	switch err := s.End(); {
	case err != nil:
		return nil, errSyntax(err)
	case d.strict && unknown != nil:
		return nil, unknown.unknown()
	}
	return input, nil
}

func errNotObject() *Error {
	return Errorf(CodeInvalidArgument, "the message must be a JSON object")
}

func errSyntax(err error) *Error {
	return Errorf(CodeInvalidArgument, "the message is not valid JSON: %v", err)
}

// without returns a JSON object without some of its members. It returns other JSON unchanged.
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
	b = append(jsonscan.AppendString(b, m.name), ':')
	return append(b, m.value...)
}

// membersOf returns the members of a JSON object, and false if data is not one.
func membersOf(data []byte) ([]member, bool) {
	s := jsonscan.NewScanner(data, nil)
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
