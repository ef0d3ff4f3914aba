package jsonschema

import (
	"reflect"

	"github.com/gatesock/gatesock/internal/jsontype"
)

// object returns the schema of a struct.
func (g *Generator) object(t reflect.Type, use Use) *schema {
	s := &schema{kind: "object"}
	var properties string
	for _, f := range jsontype.Fields(t) {
		if f.OmitZero && use == Output && !hasJSON(f.Type) {
			continue // it is omitted while it is nil, and cannot be encoded otherwise
		}
		field := g.property(f, use)
		required, err := readTags(f, field)
		if err != nil {
			g.fail("the field %s of %v: %w", f.GoName, t, err)
			return s
		}
		name := quote(f.Name)
		properties += "," + name + ":" + field.text()
		optional := f.OmitEmpty || f.OmitZero || behindPointer(t, f.Index)
		if !optional || required {
			s.add("required", name)
		}
	}
	if properties != "" {
		s.set("properties", "{"+properties[1:]+"}")
	}
	if use == StrictInput {
		s.set("additionalProperties", "false")
	}
	return s
}

// property returns the schema of a field, without its tags. A field that is omitted while it is nil
// is never null.
func (g *Generator) property(f jsontype.Field, use Use) *schema {
	omitted := f.OmitEmpty || f.OmitZero
	if f.Quoted {
		if omitted {
			return g.quoted(f.Type, use).notNull()
		}
		return g.quoted(f.Type, use)
	}
	switch {
	case !omitted:
		return g.of(f.Type, use, false)
	case f.Type.Kind() == reflect.Pointer:
		return g.of(f.Type.Elem(), use, true)
	case f.OmitEmpty || !reflect.PointerTo(f.Type).Implements(reflect.TypeFor[interface{ IsZero() bool }]()):
		return g.of(f.Type, use, false).notNull()
	default:
		return g.of(f.Type, use, false)
	}
}

// hasJSON reports whether values of a type other than nil can be encoded.
func hasJSON(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128:
		return hasMethods(t, Output)
	default:
		return true
	}
}

// behindPointer reports whether a field belongs to a struct that is embedded by a pointer. It is
// omitted while that pointer is nil.
func behindPointer(t reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		t = t.Field(i).Type
		if t.Kind() == reflect.Pointer {
			return true
		}
	}
	return false
}
