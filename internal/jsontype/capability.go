package jsontype

import (
	"encoding"
	"encoding/json"
	"reflect"
)

// Capability is an interface by which a type encodes or decodes itself.
type Capability int

// The interfaces that encoding/json honors.
const (
	Unmarshaler Capability = iota
	TextUnmarshaler
	Marshaler
	TextMarshaler
)

// Implements reports whether a type implements an interface.
func Implements(t reflect.Type, c Capability) bool {
	switch c {
	case Unmarshaler:
		return t.Implements(reflect.TypeFor[json.Unmarshaler]())
	case TextUnmarshaler:
		return t.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
	case Marshaler:
		return t.Implements(reflect.TypeFor[json.Marshaler]())
	case TextMarshaler:
		return t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
	}
	return false
}

// IsNumeric reports whether a type is one of Go's integers and floating point numbers.
func IsNumeric(t reflect.Type) bool { return reflect.Int <= t.Kind() && t.Kind() <= reflect.Float64 }

// IsBytes reports whether encoding/json encodes a type as a string in base64.
func IsBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}
