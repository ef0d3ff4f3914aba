// Package jsonschema makes JSON Schemas (2020-12) of Go types, as encoding/json encodes and decodes
// them. It is a part of every Lambda function, and therefore small: it has the keywords that Go
// types and their tags need, and no others, and writes schemas as text rather than from structs.
package jsonschema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
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

// uses is how many uses there are.
const uses = 3

// Generator makes the schemas of a set of types: first [Generator.Add] for each, then
// [Generator.Finish].
type Generator struct {
	places []*json.RawMessage // where the schemas have to be; with ids until Finish
	defs   []*definition      // of the types that something refers to, in the order of their discovery
	wanted []int              // the ids of definitions that have no text yet
	err    error              // the first mistake in a tag or a schema of a type's own
}

// Add adds a type. Its schema is in the place to when Finish returns. The text says what it is for,
// in errors. A nil type is not known, and has no schema.
func (g *Generator) Add(of string, t reflect.Type, use Use, to *json.RawMessage) {
	if t == nil || g.err != nil {
		return
	}
	*to = json.RawMessage(g.of(t, use, false).text())
	g.places = append(g.places, to)
	for len(g.wanted) > 0 {
		next := g.wanted[0]
		g.wanted = g.wanted[1:]
		g.define(g.defs[next/uses], Use(next%uses))
	}
	if g.err != nil {
		g.err = fmt.Errorf("%s: %w", of, g.err)
	}
}

// of returns the schema of a type. A value that is addressable has the methods of its pointer.
func (g *Generator) of(t reflect.Type, use Use, addressable bool) *schema {
	if t.Kind() != reflect.Pointer {
		if s := g.own(t); s != nil {
			return s
		}
		if s := handlesItself(t, use, addressable); s != nil {
			return s
		}
	}
	if t.Name() != "" && (t.Kind() == reflect.Struct || containsItself(t)) {
		return g.reference(t, use)
	}
	return g.byKind(t, use, addressable)
}

// containsItself reports whether a type other than a struct contains itself without a struct.
func containsItself(t reflect.Type) bool {
	const deepest = 100 // for a type that contains another one that contains itself
	elem := t
	for range deepest {
		switch elem.Kind() {
		case reflect.Array, reflect.Map, reflect.Pointer, reflect.Slice:
			elem = elem.Elem()
		default:
			return false
		}
		if elem == t {
			return true
		}
	}
	return false
}

// define makes the schema that a reference refers to.
func (g *Generator) define(d *definition, use Use) {
	s := g.byKind(d.typ, use, true)
	goType, _, _ := strings.Cut(d.goType, "[") // without type arguments
	s.set("x-go-type", quote(goType))
	d.texts[use] = s.text()
}

// own returns the schema that a type has by a method JSONSchema, or nil.
func (g *Generator) own(t reflect.Type) (s *schema) {
	type described interface{ JSONSchema() json.RawMessage }
	if t.Kind() == reflect.Interface || !reflect.PointerTo(t).Implements(reflect.TypeFor[described]()) {
		return nil
	}
	s = &schema{kind: ref}
	defer func() {
		if v := recover(); v != nil {
			g.fail("%v: its method JSONSchema panics for the zero value: %v", t, v)
		}
	}()
	d, _ := reflect.New(t).Interface().(described)
	s.own = strings.TrimSpace(string(d.JSONSchema()))
	if jsonKind(s.own) != "object" {
		g.fail("%v: its method JSONSchema must return a JSON object", t)
	}
	return s
}

// fail keeps the first mistake.
func (g *Generator) fail(format string, args ...any) {
	if g.err == nil {
		g.err = fmt.Errorf(format, args...)
	}
}

// handlesItself returns the schema of a type that encodes or decodes itself, or nil.
//
// encoding/json calls a method of the pointer only if the value is addressable. Whether it is may
// differ from one value of a type to the next, so the schema allows everything then.
func handlesItself(t reflect.Type, use Use, addressable bool) *schema {
	p := reflect.PointerTo(t)
	byJSON, byText := capabilities(use)
	switch {
	case t.Kind() == reflect.Interface:
		return &schema{}
	case t == reflect.TypeFor[time.Time]():
		return (&schema{kind: "string"}).set("format", `"date-time"`)
	case t == reflect.TypeFor[json.Number]():
		return &schema{kind: "number"}
	case jsontype.Implements(p, byJSON):
		return &schema{}
	case jsontype.Implements(t, byText), jsontype.Implements(p, byText) && (addressable || use != Output):
		return &schema{kind: "string"}
	case jsontype.Implements(p, byText):
		return &schema{}
	}
	return nil
}

// capabilities returns the interfaces that encoding/json looks for.
func capabilities(use Use) (byJSON, byText jsontype.Capability) {
	if use == Output {
		return jsontype.Marshaler, jsontype.TextMarshaler
	}
	return jsontype.Unmarshaler, jsontype.TextUnmarshaler
}
