package jsonschema

import (
	"reflect"
	"strconv"

	"github.com/gatesock/gatesock/internal/jsontype"
)

// byKind returns the schema of a type, without regard to its methods and its name.
func (g *Generator) byKind(t reflect.Type, use Use, addressable bool) *schema {
	switch t.Kind() {
	case reflect.Bool:
		return &schema{kind: "boolean"}
	case reflect.String:
		return &schema{kind: "string"}
	case reflect.Float32, reflect.Float64:
		return &schema{kind: "number"}
	case reflect.Pointer:
		return g.of(t.Elem(), use, true).nullable()
	case reflect.Slice:
		return orNil(g.slice(t, use), use)
	case reflect.Array:
		s := &schema{kind: "array", items: g.of(t.Elem(), use, addressable)}
		length := strconv.Itoa(t.Len())
		return s.set("minItems", length).set("maxItems", length)
	case reflect.Map:
		return orNil(g.mapping(t, use), use)
	case reflect.Struct:
		return g.object(t, use)
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
	s.null = use == Output
	return s
}

func (g *Generator) slice(t reflect.Type, use Use) *schema {
	if jsontype.IsBytes(t) && !hasMethods(t.Elem(), use) {
		return (&schema{kind: "string"}).set("contentEncoding", `"base64"`)
	}
	return &schema{kind: "array", items: g.of(t.Elem(), use, true)}
}

// hasMethods reports whether encoding/json calls methods of a slice's elements.
func hasMethods(t reflect.Type, use Use) bool {
	byJSON, byText := capabilities(use)
	p := reflect.PointerTo(t)
	return jsontype.Implements(p, byJSON) || jsontype.Implements(p, byText)
}

func (g *Generator) mapping(t reflect.Type, use Use) *schema {
	s := &schema{kind: "object"}
	s.set("additionalProperties", g.of(t.Elem(), use, false).text())
	key := t.Key()
	if use != Output {
		key = reflect.PointerTo(key)
	}
	_, byText := capabilities(use)
	if jsontype.IsNumeric(t.Key()) && !jsontype.Implements(key, byText) {
		s.set("propertyNames", `{"pattern":`+digits(t.Key())+`}`)
	}
	return s
}

// integer returns the schema of an integer type, with the bounds of types that are smaller than the
// integers of other languages.
func integer(t reflect.Type) *schema {
	s := &schema{kind: "integer"}
	bits, lowest := t.Bits(), int64(0)
	if !isUnsigned(t) {
		bits--
		lowest = -1 << bits
	}
	small := t.Bits() <= 32
	if small || isUnsigned(t) {
		s.set("minimum", strconv.FormatInt(lowest, 10))
	}
	if small {
		s.set("maximum", strconv.FormatInt(1<<bits-1, 10))
	}
	return s
}

// isUnsigned reports whether an integer type has no negative numbers.
func isUnsigned(t reflect.Type) bool { return t.Kind() >= reflect.Uint }

// digits returns the pattern of strings that have a number of an integer type, in JSON.
func digits(t reflect.Type) string {
	if isUnsigned(t) {
		return `"^[0-9]+$"`
	}
	return `"^-?[0-9]+$"`
}

// floating is the pattern of strings that have a floating point number, in JSON.
const floating = `"^-?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?$"`

// quoted returns the schema of a field with the tag option "string". encoding/json does not quote
// what a type encodes itself.
func (g *Generator) quoted(t reflect.Type, use Use) *schema {
	elem := t
	if t.Kind() == reflect.Pointer {
		elem = t.Elem()
	}
	s := handlesItself(elem, use, elem != t)
	if s == nil {
		s = g.byKind(elem, use, false)
	}
	switch kind := s.kind; {
	case kind == "integer":
		s = (&schema{kind: "string"}).set("pattern", digits(elem))
	case kind == "number":
		s = (&schema{kind: "string"}).set("pattern", floating)
	case kind == "boolean":
		s = &schema{kind: "string", enum: []string{`"true"`, `"false"`}}
	case use != Output:
		s = &schema{kind: "string"} // it contains what the type decodes
	}
	if elem != t {
		s.nullable()
	}
	return s
}
