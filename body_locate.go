package gatesock

import (
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"time"

	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/jsontype"
)

// locator finds the first value of a message that encoding/json cannot decode. It walks once over
// valid JSON and, in parallel, over the type, by the rules of that package.
type locator struct {
	s      jsonscan.Scanner
	strict bool
	fields map[reflect.Type][]jsontype.Field
	alone  map[reflect.Type]reflect.Type // by a type T: struct{V T `json:"v,string"`}
	path   place                         // of the current value; each place that is passed on shares its beginning
}

func (l *locator) member(at place, name string) place {
	l.path = l.path[:len(at)].member(name)
	return l.path
}

func (l *locator) element(at place, i int) place {
	l.path = append(strconv.AppendInt(append(l.path[:len(at)], '['), int64(i), 10), ']')
	return l.path
}

// value reads the next value and returns the error if it cannot be decoded into t.
func (l *locator) value(t reflect.Type, at place) *Error {
	c := l.s.Peek()
	isPointer := t.Kind() == reflect.Pointer
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch p := reflect.PointerTo(t); {
	case jsontype.Implements(p, jsontype.Unmarshaler) && (c != 'n' || !isPointer):
		return l.leaf(t, at)
	case c == 'n':
		l.s.Skip()
		return nil
	case jsontype.Implements(p, jsontype.TextUnmarshaler) && c != '"':
		return l.mismatch(t, at)
	case jsontype.Implements(p, jsontype.TextUnmarshaler):
		return l.leaf(t, at)
	}
	switch t.Kind() {
	case reflect.Struct:
		return l.object(t, at)
	case reflect.Map:
		return l.mapping(t, at)
	case reflect.Slice, reflect.Array:
		return l.array(t, at)
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return l.mismatch(t, at)
		}
		return l.anything(at)
	default:
		return l.scalar(t, at)
	}
}

// anything reads a value for an empty interface. Only a number in it can be wrong, such as 1e999.
func (l *locator) anything(at place) *Error {
	switch c := l.s.Peek(); {
	case c == '{':
		return l.mapping(reflect.TypeFor[map[string]any](), at)
	case c == '[':
		return l.array(reflect.TypeFor[[]any](), at)
	case c == '-' || '0' <= c && c <= '9':
		return l.scalar(reflect.TypeFor[float64](), at)
	default:
		l.s.Skip()
		return nil
	}
}

func (l *locator) object(t reflect.Type, at place) *Error {
	if l.s.Peek() != '{' {
		return l.mismatch(t, at)
	}
	fields, ok := l.fields[t]
	if !ok {
		fields = jsontype.Fields(t)
		l.fields[t] = fields
	}
	l.s.Open('{')
	for l.s.More('}') {
		name := l.s.Name()
		f := jsontype.Named(fields, name)
		var err *Error
		switch at := l.member(at, name); {
		case f == nil && l.strict:
			return at.unknown()
		case f == nil:
			l.s.Skip()
		case f.Quoted:
			err = l.quoted(f.Type, at)
		default:
			err = l.value(f.Type, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *locator) mapping(t reflect.Type, at place) *Error {
	if l.s.Peek() != '{' {
		return l.mismatch(t, at)
	}
	l.s.Open('{')
	for l.s.More('}') {
		name := l.s.Name()
		if what := badKey(t.Key(), name); what != "" {
			return at.refuse("has a member " + place(name).String() + ", whose name " + what)
		}
		if err := l.value(t.Elem(), l.member(at, name)); err != nil {
			return err
		}
	}
	return nil
}

// badKey describes why a name cannot be a key of type t. It returns "" if it can.
func badKey(t reflect.Type, name string) string {
	switch {
	case jsontype.Implements(reflect.PointerTo(t), jsontype.TextUnmarshaler):
		if asText(t, name) != nil {
			return "is not accepted"
		}
	case t.Kind() != reflect.String && !fits(t, name):
		return "must be " + wantedInRange(t)
	}
	return ""
}

// asText decodes a text by UnmarshalText.
func asText(t reflect.Type, text string) error {
	u, ok := reflect.New(t).Interface().(encoding.TextUnmarshaler)
	if !ok {
		return nil
	}
	return u.UnmarshalText([]byte(text))
}

func (l *locator) array(t reflect.Type, at place) *Error {
	c := l.s.Peek()
	if c == '"' && jsontype.IsBytes(t) {
		return l.leaf(t, at)
	}
	if c != '[' {
		return l.mismatch(t, at)
	}
	l.s.Open('[')
	for i := 0; l.s.More(']'); i++ {
		if t.Kind() == reflect.Array && i >= t.Len() { // encoding/json ignores it
			l.s.Skip()
			continue
		}
		if err := l.value(t.Elem(), l.element(at, i)); err != nil {
			return err
		}
	}
	return nil
}

func (l *locator) scalar(t reflect.Type, at place) *Error {
	switch c := l.s.Peek(); {
	case c == '"' && t == reflect.TypeFor[json.Number]():
		return l.leaf(t, at)
	case c == '"' && t.Kind() == reflect.String, (c == 't' || c == 'f') && t.Kind() == reflect.Bool:
		l.s.Skip()
		return nil
	case c == '-' || '0' <= c && c <= '9':
		number := l.s.Raw()
		if jsontype.IsNumeric(t) && !fits(t, number) {
			return at.refuse("must be " + wantedOf(t, number))
		}
		if !jsontype.IsNumeric(t) && t != reflect.TypeFor[json.Number]() {
			return at.refuse(mustBe(t, "a number"))
		}
		return nil
	default:
		return l.mismatch(t, at)
	}
}

// leaf reads a value of a type for which only decoding shows whether it works.
func (l *locator) leaf(t reflect.Type, at place) *Error {
	err := json.Unmarshal([]byte(l.s.Raw()), reflect.New(t).Interface())
	if err == nil {
		return nil
	}
	var wrongType *json.UnmarshalTypeError
	switch {
	case t == reflect.TypeFor[time.Time]():
		return at.refuse(`must be a time like "2006-01-02T15:04:05Z"`)
	case jsontype.IsBytes(t) && !jsontype.Implements(reflect.PointerTo(t), jsontype.Unmarshaler):
		return at.refuse("must be " + wanted(t))
	case t == reflect.TypeFor[json.Number]():
		return at.refuse("must be a number")
	case errors.As(err, &wrongType):
		if wrongType.Field != "" {
			at = at.member(wrongType.Field)
		}
		return at.wrongType(wrongType)
	default:
		return at.refuse("has a value that is not accepted")
	}
}

// quoted reads a member with the tag option "string". encoding/json accepts more than JSON in that
// string, so encoding/json decides.
func (l *locator) quoted(t reflect.Type, at place) *Error {
	alone := l.alone[t]
	if alone == nil {
		alone = reflect.StructOf([]reflect.StructField{{Name: "V", Type: t, Tag: `json:"v,string"`}})
		if l.alone == nil {
			l.alone = make(map[reflect.Type]reflect.Type)
		}
		l.alone[t] = alone
	}
	member := append(member{"v", l.s.Raw()}.appendTo([]byte{'{'}), '}')
	if json.Unmarshal(member, reflect.New(alone).Interface()) == nil {
		return nil
	}
	return at.refuse("must be a string that contains " + wanted(t))
}

// mismatch returns the error for the next value, whose kind does not fit t.
func (l *locator) mismatch(t reflect.Type, at place) *Error {
	return at.refuse(mustBe(t, kindOf(l.s.Peek())))
}

func mustBe(t reflect.Type, got string) string {
	want := wanted(t)
	if want == "" {
		return "has a value that is not accepted"
	}
	return "must be " + want + ", not " + got
}

// kindOf returns the kind of the JSON value that begins with c, such as "an object".
func kindOf(c byte) string {
	switch c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

// wanted describes to a client which values fit t, such as "a string". It returns "" if there is no
// short description.
func wanted(t reflect.Type) string {
	if t == nil {
		return ""
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return `a time like "2006-01-02T15:04:05Z"`
	case t == reflect.TypeFor[json.Number]():
		return "a number"
	case jsontype.Implements(reflect.PointerTo(t), jsontype.TextUnmarshaler):
		return "a string"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return wantedInRange(t)
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return "a whole number of 0 or more"
	case reflect.Slice, reflect.Array:
		if jsontype.IsBytes(t) {
			return "a string in base64"
		}
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return wanted(t.Elem())
	default:
		return ""
	}
}

// wantedOf describes which numbers fit t, for a number that does not.
func wantedOf(t reflect.Type, number string) string {
	switch t.Kind() {
	case reflect.Float32:
		return "a number from -3.4e38 to 3.4e38"
	case reflect.Float64:
		return "a number from -1.7e308 to 1.7e308"
	default:
	}
	for _, c := range number {
		if c == '.' || c == 'e' || c == 'E' {
			return wanted(t) + ", without a fraction or an exponent"
		}
	}
	return wantedInRange(t)
}

// wantedInRange describes the range of an integer type.
func wantedInRange(t reflect.Type) string {
	bits := t.Bits()
	if isUnsigned(t) {
		return "a whole number from 0 to " + strconv.FormatUint(1<<bits-1, 10)
	}
	limit := uint64(1) << (bits - 1)
	return "a whole number from -" + strconv.FormatUint(limit, 10) + " to " + strconv.FormatUint(limit-1, 10)
}

// fits reports whether a number in JSON fits a numeric type.
func fits(t reflect.Type, number string) bool {
	var err error
	switch {
	case isUnsigned(t):
		_, err = strconv.ParseUint(number, 10, t.Bits())
	case jsontype.IsNumeric(t) && t.Kind() != reflect.Float32 && t.Kind() != reflect.Float64:
		_, err = strconv.ParseInt(number, 10, t.Bits())
	case jsontype.IsNumeric(t):
		_, err = strconv.ParseFloat(number, t.Bits())
	default:
		return false
	}
	return err == nil
}

func isUnsigned(t reflect.Type) bool { return reflect.Uint <= t.Kind() && t.Kind() <= reflect.Uintptr }
