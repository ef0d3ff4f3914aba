package describe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// keyword is the JSON of a keyword's value.
type keyword struct {
	name  string
	value any
	set   bool
}

// keywords returns the keywords in the order in which they are written.
func (s *Schema) keywords() []keyword {
	var types any = s.Types
	if len(s.Types) == 1 {
		types = s.Types[0]
	}
	var additional any = s.Additional
	if s.Closed {
		additional = false
	}
	return []keyword{
		{"$ref", s.Ref, s.Ref != ""},
		{"x-go-type", s.GoType, s.GoType != ""},
		{"title", s.Title, s.Title != ""},
		{"description", s.Description, s.Description != ""},
		{"deprecated", true, s.Deprecated},
		{"type", types, len(s.Types) > 0},
		{"anyOf", s.AnyOf, len(s.AnyOf) > 0},
		{"enum", s.Enum, len(s.Enum) > 0},
		{"const", s.Const, s.Const != nil},
		{"properties", properties(s.Properties), len(s.Properties) > 0},
		{"required", s.Required, len(s.Required) > 0},
		{"additionalProperties", additional, s.Closed || s.Additional != nil},
		{"items", s.Items, s.Items != nil},
		{"minItems", s.MinItems, s.MinItems != nil},
		{"maxItems", s.MaxItems, s.MaxItems != nil},
		{"uniqueItems", true, s.UniqueItems},
		{"minLength", s.MinLength, s.MinLength != nil},
		{"maxLength", s.MaxLength, s.MaxLength != nil},
		{"pattern", s.Pattern, s.Pattern != ""},
		{"format", s.Format, s.Format != ""},
		{"contentEncoding", s.ContentEncoding, s.ContentEncoding != ""},
		{"minimum", s.Minimum, s.Minimum != nil},
		{"maximum", s.Maximum, s.Maximum != nil},
		{"exclusiveMinimum", s.ExclusiveMinimum, s.ExclusiveMinimum != nil},
		{"exclusiveMaximum", s.ExclusiveMaximum, s.ExclusiveMaximum != nil},
		{"multipleOf", s.MultipleOf, s.MultipleOf != nil},
		{"default", s.Default, s.Default != nil},
		{"examples", s.Examples, len(s.Examples) > 0},
	}
}

// MarshalJSON returns the schema as JSON, with its keywords in a fixed order.
func (s *Schema) MarshalJSON() ([]byte, error) {
	var members []member
	for _, k := range s.keywords() {
		if k.set {
			members = append(members, member{k.name, k.value})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Other)) {
		members = append(members, member{name, s.Other[name]})
	}
	return object(members)
}

type member struct {
	name  string
	value any
}

// object returns a JSON object with its members in this order.
func object(members []member) ([]byte, error) {
	b := []byte{'{'}
	for i, m := range members {
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

// properties are encoded as an object, in their order.
type properties []Property

func (p properties) MarshalJSON() ([]byte, error) {
	members := make([]member, len(p))
	for i := range p {
		members[i] = member{p[i].Name, p[i].Schema}
	}
	return object(members)
}

func (p *properties) UnmarshalJSON(data []byte) error {
	*p = nil
	seen := make(map[string]bool)
	return members(data, func(name string, value json.RawMessage) error {
		var s *Schema
		if err := json.Unmarshal(value, &s); err != nil {
			return err
		}
		if s == nil {
			return fmt.Errorf("the schema of the property %q is null", name)
		}
		if seen[name] {
			return fmt.Errorf("there are two properties %q", name)
		}
		seen[name] = true
		*p = append(*p, Property{name, s})
		return nil
	})
}

// members calls f for each member of a JSON object, in its order.
func members(data []byte, f func(name string, value json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("want a JSON object, not %.20s", data)
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok {
			return errors.New("the name of a member must be a string")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		if err := f(name, value); err != nil {
			return err
		}
	}
	return nil
}

// UnmarshalJSON reads a schema: an object, true, which allows everything, or false, which allows
// nothing and becomes {"not":{}}.
func (s *Schema) UnmarshalJSON(data []byte) error {
	*s = Schema{}
	switch string(data) {
	case "true":
		return nil
	case "false":
		s.Other = map[string]json.RawMessage{"not": json.RawMessage("{}")}
		return nil
	}
	return members(data, s.set)
}

// set sets the keyword with a name.
func (s *Schema) set(name string, value json.RawMessage) error {
	into := map[string]any{
		"$ref": &s.Ref, "x-go-type": &s.GoType, "title": &s.Title, "description": &s.Description,
		"deprecated": &s.Deprecated, "type": (*oneOrMany)(&s.Types), "anyOf": &s.AnyOf, "enum": &s.Enum,
		"const": &s.Const, "properties": (*properties)(&s.Properties), "required": &s.Required,
		"additionalProperties": &additional{s}, "items": &s.Items, "minItems": &s.MinItems,
		"maxItems": &s.MaxItems, "uniqueItems": &s.UniqueItems, "minLength": &s.MinLength,
		"maxLength": &s.MaxLength, "pattern": &s.Pattern, "format": &s.Format,
		"contentEncoding": &s.ContentEncoding, "minimum": &s.Minimum, "maximum": &s.Maximum,
		"exclusiveMinimum": &s.ExclusiveMinimum, "exclusiveMaximum": &s.ExclusiveMaximum,
		"multipleOf": &s.MultipleOf, "default": &s.Default, "examples": &s.Examples,
	}[name]
	if into == nil {
		if s.Other == nil {
			s.Other = make(map[string]json.RawMessage)
		}
		s.Other[name] = value
		return nil
	}
	if err := json.Unmarshal(value, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// oneOrMany is a string or an array of strings.
type oneOrMany []string

func (o *oneOrMany) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*o = oneOrMany{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(o))
}

// additional is the value of additionalProperties: false or a schema.
type additional struct{ of *Schema }

func (a *additional) UnmarshalJSON(data []byte) error {
	if string(data) == "false" {
		a.of.Closed = true
		return nil
	}
	return json.Unmarshal(data, &a.of.Additional)
}
