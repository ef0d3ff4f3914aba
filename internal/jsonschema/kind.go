package jsonschema

import (
	"encoding/json"
	"reflect"
	"strconv"

	"github.com/gatesock/gatesock/internal/jsontype"
)

// byKind returns the schema of a type other than a struct, without regard to its methods.
func (g *generator) byKind(t reflect.Type, use Use, addressable bool) *schema {
	switch t.Kind() {
	case reflect.Bool:
		return &schema{Type: types{"boolean"}}
	case reflect.String:
		return &schema{Type: types{"string"}}
	case reflect.Float32, reflect.Float64:
		return &schema{Type: types{"number"}}
	case reflect.Pointer:
		return g.of(t.Elem(), use, true).nullable()
	case reflect.Slice:
		return orNil(g.slice(t, use), use)
	case reflect.Array:
		items := g.of(t.Elem(), use, addressable)
		return &schema{Type: types{"array"}, Items: items, MinItems: new(t.Len()), MaxItems: new(t.Len())}
	case reflect.Map:
		return orNil(g.mapping(t, use), use)
	default:
		if jsontype.IsNumeric(t) {
			return integer(t)
		}
		return &schema{} // no value of the type is encoded, or the registration would have failed
	}
}

// orNil returns the schema of a type that has nil, which encoding/json encodes as null. Clients
// need not send null.
func orNil(s *schema, use Use) *schema {
	if use == Output {
		return s.nullable()
	}
	return s
}

func (g *generator) slice(t reflect.Type, use Use) *schema {
	if jsontype.IsBytes(t) && !hasMethods(t.Elem(), use) {
		return &schema{Type: types{"string"}, ContentEncoding: "base64"}
	}
	return &schema{Type: types{"array"}, Items: g.of(t.Elem(), use, true)}
}

// hasMethods reports whether encoding/json calls methods of a slice's elements.
func hasMethods(t reflect.Type, use Use) bool {
	p := reflect.PointerTo(t)
	if use == Output {
		return jsontype.Implements(p, jsontype.Marshaler) || jsontype.Implements(p, jsontype.TextMarshaler)
	}
	return jsontype.Implements(p, jsontype.Unmarshaler) || jsontype.Implements(p, jsontype.TextUnmarshaler)
}

func (g *generator) mapping(t reflect.Type, use Use) *schema {
	s := &schema{Type: types{"object"}, Additional: g.of(t.Elem(), use, false)}
	text := jsontype.Implements(t.Key(), jsontype.TextMarshaler)
	if use != Output {
		text = jsontype.Implements(reflect.PointerTo(t.Key()), jsontype.TextUnmarshaler)
	}
	if jsontype.IsNumeric(t.Key()) && !text {
		s.PropertyNames = &schema{Pattern: digits}
	}
	return s
}

// integer returns the schema of an integer type, with the bounds of types that are smaller than the
// integers of other languages.
func integer(t reflect.Type) *schema {
	s := &schema{Type: types{"integer"}}
	unsigned := reflect.Uint <= t.Kind() && t.Kind() <= reflect.Uintptr
	if unsigned {
		s.Minimum = json.Number("0")
	}
	switch t.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32:
		s.Minimum = json.Number(strconv.FormatInt(-1<<(t.Bits()-1), 10))
		s.Maximum = json.Number(strconv.FormatInt(1<<(t.Bits()-1)-1, 10))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		s.Maximum = json.Number(strconv.FormatUint(1<<t.Bits()-1, 10))
	default:
	}
	return s
}

// Patterns of numbers in strings.
const (
	digits   = `^-?[0-9]+$`
	floating = `^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$`
)

// quoted returns the schema of a field with the tag option "string".
func (g *generator) quoted(t reflect.Type, use Use) *schema {
	elem := t
	if t.Kind() == reflect.Pointer {
		elem = t.Elem()
	}
	s := &schema{Type: types{"string"}}
	own, ok := handlesItself(elem, use, elem != t)
	switch {
	case elem == reflect.TypeFor[json.Number]():
		s.Pattern = floating
	case ok && use == Output:
		s = own
	case ok: // a string that contains what the type decodes
	case elem.Kind() == reflect.Bool:
		s.Enum = []any{"true", "false"}
	case elem.Kind() == reflect.Float32, elem.Kind() == reflect.Float64:
		s.Pattern = floating
	case jsontype.IsNumeric(elem):
		s.Pattern = digits
	}
	if elem != t {
		return s.nullable()
	}
	return s
}
