// Package jsonschema makes JSON Schemas (2020-12) of Go types, as encoding/json encodes and decodes
// them. It is a part of every Lambda function, and therefore small: it has the keywords that Go
// types and their tags need, and no others.
package jsonschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/gatesock/gatesock/internal/jsontype"
)

// Use is what a type is used for. Its schema depends on it.
type Use int

// The uses of a type.
const (
	// Output is what encoding/json encodes.
	Output Use = iota
	// Input is what clients should send, to be decoded.
	Input
	// StrictInput is Input without members that the type does not have.
	StrictInput
)

// key is a type and its use.
type key struct {
	typ reflect.Type
	use Use
}

// generator makes the schemas of one set of types, in a single pass.
type generator struct {
	nameOf    func(key) string      // returns the names of definitions
	defined   map[key]*schema       // the definitions
	wanted    []key                 // definitions that something refers to, in order
	recursive map[reflect.Type]bool // types other than structs that contain themselves
	open      []reflect.Type        // types other than structs whose schema is being made
	err       error                 // the first mistake in a tag or a schema of a type's own
}

// root returns the schema of a type that nothing contains.
func (g *generator) root(k key) *schema {
	s := g.of(k.typ, k.use, false)
	for len(g.wanted) > 0 {
		next := g.wanted[0]
		g.wanted = g.wanted[1:]
		g.defined[next] = g.definition(next)
	}
	return s
}

// of returns the schema of a type. A value that is addressable has the methods of its pointer.
func (g *generator) of(t reflect.Type, use Use, addressable bool) *schema {
	if t.Kind() != reflect.Pointer {
		if s, ok := g.own(t); ok {
			return s
		}
		if s, ok := handlesItself(t, use, addressable); ok {
			return s
		}
	}
	if t.Kind() == reflect.Struct {
		return g.structure(t, use)
	}
	if t.Name() == "" {
		return g.byKind(t, use, addressable)
	}
	if g.recursive[t] {
		return g.reference(key{t, use})
	}
	if slices.Contains(g.open, t) {
		g.recursive[t] = true // the next pass makes a definition of it
		return &schema{}
	}
	g.open = append(g.open, t)
	s := g.byKind(t, use, addressable)
	g.open = g.open[:len(g.open)-1]
	return s
}

// structure returns the schema of a struct: a reference if it has a name.
func (g *generator) structure(t reflect.Type, use Use) *schema {
	if t.Name() != "" {
		return g.reference(key{t, use})
	}
	return g.object(t, use)
}

// reference returns a reference to the definition of a type.
func (g *generator) reference(k key) *schema {
	if _, ok := g.defined[k]; !ok {
		g.defined[k] = nil
		g.wanted = append(g.wanted, k)
	}
	return &schema{Ref: "#/$defs/" + g.nameOf(k)}
}

// definition returns the schema that a reference refers to.
func (g *generator) definition(k key) *schema {
	var s *schema
	if k.typ.Kind() == reflect.Struct {
		s = g.object(k.typ, k.use)
	} else {
		s = g.byKind(k.typ, k.use, true)
	}
	s.GoType = k.typ.PkgPath() + "." + baseName(k.typ)
	return s
}

// own returns the schema that a type has by a method JSONSchema.
func (g *generator) own(t reflect.Type) (s *schema, ok bool) {
	type described interface{ JSONSchema() json.RawMessage }
	if t.Kind() == reflect.Interface || !reflect.PointerTo(t).Implements(reflect.TypeFor[described]()) {
		return nil, false
	}
	defer func() {
		if v := recover(); v != nil {
			g.fail("%v: its method JSONSchema panics for the zero value: %v", t, v)
			s, ok = &schema{}, true
		}
	}()
	d, _ := reflect.New(t).Interface().(described)
	raw := bytes.TrimSpace(d.JSONSchema())
	if !json.Valid(raw) || raw[0] != '{' {
		g.fail("%v: its method JSONSchema must return a JSON object", t)
		return &schema{}, true
	}
	return &schema{raw: raw}, true
}

// fail keeps the first mistake.
func (g *generator) fail(format string, args ...any) {
	if g.err == nil {
		g.err = fmt.Errorf(format, args...)
	}
}

// handlesItself returns the schema of a type that encodes or decodes itself.
//
// encoding/json calls a method of the pointer only if the value is addressable. Whether it is may
// differ from one value of a type to the next, so the schema allows everything then.
func handlesItself(t reflect.Type, use Use, addressable bool) (*schema, bool) {
	p := reflect.PointerTo(t)
	byJSON, byText := jsontype.Marshaler, jsontype.TextMarshaler
	if use != Output {
		byJSON, byText = jsontype.Unmarshaler, jsontype.TextUnmarshaler
	}
	switch {
	case t.Kind() == reflect.Interface:
		return &schema{}, true
	case t == reflect.TypeFor[time.Time]():
		return &schema{Type: types{"string"}, Format: "date-time"}, true
	case t == reflect.TypeFor[json.Number]():
		return &schema{Type: types{"number"}}, true
	case jsontype.Implements(p, byJSON):
		return &schema{}, true
	case jsontype.Implements(t, byText), jsontype.Implements(p, byText) && (addressable || use != Output):
		return &schema{Type: types{"string"}}, true
	case jsontype.Implements(p, byText):
		return &schema{}, true
	}
	return nil, false
}
