package gatesock

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// newDecoder returns the function that makes an In of a message.
func newDecoder[In any](rt *route) func(*Request) (In, error) {
	target := newTarget[In]()
	body := newBodyDecoder(rt, reflect.TypeFor[In](), func() any { _, to := target(); return to })
	_, to := target()
	_, validates := to.(validator) // of In, or of a pointer to it
	return func(req *Request) (In, error) {
		in, to := target()
		if err := body.decode(req.Body, to); err != nil {
			return *in, err
		}
		if validates {
			if err := to.(validator).Validate(); err != nil {
				return *in, validationError(err)
			}
		}
		return *in, nil
	}
}

// newTarget returns a function that makes an In, and the pointer that a codec decodes into: to the In or, if that is a pointer
// itself, what it points to.
func newTarget[In any]() func() (*In, any) {
	t := reflect.TypeFor[In]()
	if t.Kind() != reflect.Pointer {
		return func() (*In, any) {
			in := new(In)
			return in, in
		}
	}
	return func() (*In, any) {
		to := reflect.New(t.Elem())
		in, _ := to.Convert(t).Interface().(In)
		return &in, to.Interface()
	}
}

// validator is what an In may have.
type validator interface{ Validate() error }

// validationError returns the public form of what Validate returned.
func validationError(err error) error {
	var public *Error
	if errors.As(err, &public) {
		return err
	}
	return Errorf(CodeInvalidArgument, "%s", err.Error())
}

// bodyDecoder decodes the messages of a route.
type bodyDecoder struct {
	rt        *route
	in        reflect.Type
	target    func() any // what a codec decodes into
	unmarshal func([]byte, any) error
	strict    bool
	own       []string // members that are the protocol's alone, hidden from a strict codec
}

func newBodyDecoder(rt *route, in reflect.Type, target func() any) *bodyDecoder {
	d := &bodyDecoder{rt: rt, in: in, target: target, unmarshal: rt.codec.Unmarshal, strict: rt.strict}
	if !rt.strict {
		return d
	}
	strict, ok := rt.codec.(StrictCodec)
	if !ok {
		panic(fmt.Sprintf("gatesock: route %q at %s wants strict decoding, but its codec %T is not a StrictCodec", rt.key, rt.site, rt.codec))
	}
	d.unmarshal = strict.UnmarshalStrict
	if rt.nested() || rt.raw {
		return d
	}
	for _, name := range []string{rt.wire.names.Action, rt.wire.names.ID} {
		probe := append(member{name, "null"}.appendTo([]byte{'{'}), '}')
		if strict.UnmarshalStrict(probe, target()) != nil {
			d.own = append(d.own, name)
		}
	}
	return d
}

// nested reports whether the In of the route stands in a member of its own.
func (rt *route) nested() bool { return rt.wire.names.Input != "" && !rt.raw }

// decode decodes a message.
func (d *bodyDecoder) decode(body []byte, to any) error {
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
	if len(d.own) > 0 {
		body = without(body, d.own)
	}
	if err := d.unmarshal(body, to); err != nil {
		return d.explain(err, body)
	}
	return nil
}

// input returns the member that the In stands in, nil if there is none.
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

// without returns a JSON object without some of its members. Anything else it returns as it is.
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
