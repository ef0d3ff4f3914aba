package gatesock

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/jsontype"
)

// explain returns the error for the client of a message that a codec failed to decode with err. Its
// text has the path of the wrong member, and no names of Go types.
func (d *bodyDecoder) explain(err error, data []byte) error {
	var public *Error
	if errors.As(err, &public) {
		return err
	}
	return d.describe(err, data).WithCause(err)
}

func (d *bodyDecoder) describe(err error, data []byte) *Error {
	_, isJSON := d.rt.codec.(JSON)
	if d.rt.raw && !isJSON {
		return Errorf(CodeInvalidArgument, "the message could not be decoded")
	}
	s := jsonscan.NewScanner(data, nil)
	s.Skip()
	if syntax := s.End(); syntax != nil {
		return errSyntax(syntax)
	}
	var base place
	if d.rt.nested() {
		base = base.member(d.rt.wire.names.Input)
	}
	if isJSON {
		fields := make(map[reflect.Type][]jsontype.Field)
		l := locator{s: jsonscan.NewScanner(data, nil), strict: d.strict, fields: fields, path: base}
		if found := l.value(d.in, base); found != nil {
			return found
		}
	}
	return d.guess(err, data, base)
}

// guess finds the wrong top-level member by the codec's error, or else by decoding each member
// alone.
func (d *bodyDecoder) guess(err error, data []byte, base place) *Error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		return base.member(wrongType.Field).wrongType(wrongType)
	}
	members, isObject := membersOf(data)
	if !isObject && !d.rt.raw && !d.rt.nested() {
		return errNotObject()
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return Errorf(CodeInvalidArgument, "unknown member %s", name)
	}
	for _, m := range members {
		memberErr := d.unmarshal(append(m.appendTo([]byte{'{'}), '}'), d.newTarget().Interface())
		switch {
		case memberErr == nil:
		case errors.As(memberErr, &wrongType):
			return base.member(m.name).wrongType(wrongType)
		default:
			return base.member(m.name).refuse("has a value that is not accepted")
		}
	}
	return base.refuse("has a value that is not accepted")
}

// place is the path of a value in a message, such as "items[2].price". It is empty for the whole
// message.
type place []byte

func (p place) member(name string) place {
	if len(p) > 0 {
		p = append(p, '.')
	}
	return append(p, name...)
}

// String returns the path for a message to the client: quoted, and shortened in the middle if it is
// long.
func (p place) String() string {
	const most = 128
	if len(p) == 0 {
		return "the message"
	}
	s := strings.ToValidUTF8(string(p), "\ufffd")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most/2], "") + "…" + strings.ToValidUTF8(s[len(s)-most/2:], "")
	}
	return string(jsonscan.AppendString(nil, s))
}

// refuse returns the error for the value at a path; what describes the problem.
func (p place) refuse(what string) *Error {
	return Errorf(CodeInvalidArgument, "%v %s", p, what)
}

// unknown returns the error for a member that a strict route does not accept.
func (p place) unknown() *Error {
	if len(p) == 0 { // the member has no name; an empty path means the whole message
		return Errorf(CodeInvalidArgument, `unknown member ""`)
	}
	return Errorf(CodeInvalidArgument, "unknown member %v", p)
}

// wrongType returns the error for an error of encoding/json, which may come from the application's
// own UnmarshalJSON.
func (p place) wrongType(e *json.UnmarshalTypeError) *Error {
	kind, _, _ := strings.Cut(e.Value, " ")
	got := map[string]string{
		"array": "an array", "object": "an object", "string": "a string", "bool": "a boolean", "number": "a number",
	}[kind]
	want := wanted(e.Type)
	switch {
	case want == "":
		return p.refuse("has a value that is not accepted")
	case got == "" || kind == "number" && jsontype.IsNumeric(e.Type):
		return p.refuse("must be " + want)
	default:
		return p.refuse("must be " + want + ", not " + got)
	}
}
