package jsonschema

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// schema is a schema: its keywords and their values, which encoding/json can encode. Without
// keywords it allows everything.
type schema map[string]any

// order is the order in which the keywords are written. Others follow, by name.
//
//nolint:gochecknoglobals // a constant
var order = []string{
	"$ref", "x-go-type", "title", "description", "deprecated", "type", "anyOf", "enum", "properties", "required",
	"additionalProperties", "propertyNames", "items", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength",
	"pattern", "format", "contentEncoding", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
	"default", "examples",
}

// MarshalJSON returns the schema with its keywords in a fixed order.
func (s schema) MarshalJSON() ([]byte, error) {
	names := slices.DeleteFunc(slices.Clone(order), func(name string) bool { _, ok := s[name]; return !ok })
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if !slices.Contains(order, name) {
			names = append(names, name)
		}
	}
	var o object
	for _, name := range names {
		o = append(o, member{name, s[name]})
	}
	return o.MarshalJSON()
}

// member is a member of an object.
type member struct {
	name  string
	value any
}

// object is a JSON object whose members keep their order.
type object []member

// MarshalJSON returns the object.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := enc.Encode(m.name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := enc.Encode(m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// kind returns the type that a schema allows beside null: "" if it allows any, and "$ref" for a
// reference or another schema whose type is not known.
func (s schema) kind() string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []string:
		return t[0]
	}
	if len(s) > 0 {
		return "$ref"
	}
	return ""
}

// null is the schema of null.
func null() schema { return schema{"type": "null"} }

// isNullable reports whether a schema allows null beside its type.
func (s schema) isNullable() bool {
	_, several := s["type"].([]string)
	_, alternatives := s["anyOf"].([]schema)
	return several || alternatives
}

// nullable returns a schema that allows null too.
func (s schema) nullable() schema {
	switch t, ok := s["type"].(string); {
	case len(s) == 0, s.isNullable():
		return s
	case !ok:
		return schema{"anyOf": []schema{s, null()}}
	default:
		with := maps.Clone(s)
		with["type"] = []string{t, "null"}
		if enum, ok := s["enum"].([]any); ok {
			with["enum"] = append(slices.Clone(enum), nil)
		}
		return with
	}
}

// notNull returns a schema that does not allow null beside its type.
func (s schema) notNull() schema {
	if either, ok := s["anyOf"].([]schema); ok {
		return either[0]
	}
	if _, ok := s["type"].([]string); ok {
		without := maps.Clone(s)
		without["type"] = s.kind()
		if enum, ok := s["enum"].([]any); ok {
			without["enum"] = enum[:len(enum)-1]
		}
		return without
	}
	return s
}
