package typescript

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/describe"
)

const step = "  "

// unknown is the type of values about which a description says nothing, and of those whose schema
// only refers to itself.
const unknown = "unknown"

// typeOf returns the type of the values that a schema allows. The indent is that of the line in
// which it stands.
func (f *file) typeOf(s *describe.Schema, indent string) string {
	switch {
	case s == nil:
		return unknown
	case s.Const != nil:
		return literal(s.Const)
	case len(s.Enum) > 0:
		return union(s.Enum, literal)
	case s.Ref != "":
		return f.name(s)
	case len(s.AnyOf) > 0:
		return union(s.AnyOf, func(s *describe.Schema) string { return f.typeOf(s, indent) })
	case len(s.Types) > 0:
		return union(s.Types, func(kind string) string { return f.ofKind(s, kind, indent) })
	case len(s.Properties) > 0:
		return f.object(s, indent)
	default:
		return unknown
	}
}

// name returns the name of the type that a schema refers to.
func (f *file) name(s *describe.Schema) string {
	name := s.Name()
	if f.app.Types[name] == nil {
		f.fail(fmt.Errorf("the description refers to a type %q, but has none of that name", name))
		return unknown
	}
	return f.identifiers[name]
}

func (f *file) ofKind(s *describe.Schema, kind, indent string) string {
	switch kind {
	case "object":
		return f.object(s, indent)
	case "array":
		return f.array(s, indent)
	case "integer":
		return "number"
	case "string", "number", "boolean", "null":
		return kind
	default:
		f.fail(fmt.Errorf("the description has a type %q, which JSON has not", kind))
		return unknown
	}
}

// longestTuple is the length up to which an array of a fixed length is a tuple.
const longestTuple = 8

func (f *file) array(s *describe.Schema, indent string) string {
	item := f.typeOf(s.Items, indent)
	low, high := s.MinItems, s.MaxItems
	if low != nil && high != nil && *low == *high && *low >= 0 && *low <= longestTuple {
		return "[" + strings.Join(slices.Repeat([]string{item}, *low), ", ") + "]"
	}
	if strings.Contains(item, " | ") {
		item = "(" + item + ")"
	}
	return item + "[]"
}

// object returns the type of an object. One with properties may have others, but a program that
// uses those has made a mistake. Where others have a type, TypeScript cannot hold them apart from
// the properties, so that their type is unknown.
func (f *file) object(s *describe.Schema, indent string) string {
	inner := indent + step
	var b strings.Builder
	var seen []string
	for _, p := range s.Properties {
		if slices.Contains(seen, p.Name) {
			continue
		}
		seen = append(seen, p.Name)
		mark := "?"
		if s.IsRequired(p.Name) {
			mark = ""
		}
		fmt.Fprintf(&b, "%s%s%s%s: %s;\n", f.about(p.Schema, inner), inner, key(p.Name), mark, f.typeOf(p.Schema, inner))
	}
	switch {
	case len(seen) == 0 && s.Closed:
		return "{ [key: string]: never }"
	case len(seen) == 0:
		return "{ [key: string]: " + f.typeOf(s.Additional, indent) + " }"
	case s.Additional != nil:
		fmt.Fprintf(&b, "%s[key: string]: unknown;\n", inner)
	}
	return "{\n" + b.String() + indent + "}"
}

// union returns the union of the types of a list.
func union[T any](list []T, typeOf func(T) string) string {
	var parts []string
	for _, element := range list {
		if part := typeOf(element); !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	if slices.Contains(parts, unknown) {
		return unknown
	}
	return strings.Join(parts, " | ")
}

// literal returns the type of one JSON value. JSON is TypeScript, apart from names and large
// numbers.
func literal(value json.RawMessage) string {
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return unknown
	}
	return literalOf(v)
}

func literalOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return fmt.Sprint(v)
	case string:
		return quote(v)
	case json.Number:
		if _, err := v.Float64(); err != nil {
			return "number"
		}
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = literalOf(v[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		return literalObject(v)
	default:
		return unknown
	}
}
