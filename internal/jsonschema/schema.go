package jsonschema

import (
	"bytes"
	"encoding/json"
)

// schema is a schema. The order of its fields is that of the keywords in JSON. Without keywords it
// allows everything.
type schema struct {
	Ref              string      `json:"$ref,omitempty"`
	GoType           string      `json:"x-go-type,omitempty"`
	Title            string      `json:"title,omitempty"`
	Description      string      `json:"description,omitempty"`
	Deprecated       bool        `json:"deprecated,omitempty"`
	ReadOnly         bool        `json:"readOnly,omitempty"`
	WriteOnly        bool        `json:"writeOnly,omitempty"`
	Type             types       `json:"type,omitempty"`
	AnyOf            []*schema   `json:"anyOf,omitempty"`
	Enum             []any       `json:"enum,omitempty"`
	Properties       properties  `json:"properties,omitempty"`
	Required         []string    `json:"required,omitempty"`
	Additional       any         `json:"additionalProperties,omitempty"` // false or a *schema
	PropertyNames    *schema     `json:"propertyNames,omitempty"`
	Items            *schema     `json:"items,omitempty"`
	MinItems         *int        `json:"minItems,omitempty"`
	MaxItems         *int        `json:"maxItems,omitempty"`
	UniqueItems      bool        `json:"uniqueItems,omitempty"`
	MinLength        *int        `json:"minLength,omitempty"`
	MaxLength        *int        `json:"maxLength,omitempty"`
	Pattern          string      `json:"pattern,omitempty"`
	Format           string      `json:"format,omitempty"`
	ContentEncoding  string      `json:"contentEncoding,omitempty"`
	Minimum          json.Number `json:"minimum,omitempty"`
	Maximum          json.Number `json:"maximum,omitempty"`
	ExclusiveMinimum json.Number `json:"exclusiveMinimum,omitempty"`
	ExclusiveMaximum json.Number `json:"exclusiveMaximum,omitempty"`
	MultipleOf       json.Number `json:"multipleOf,omitempty"`
	Default          any         `json:"default,omitempty"`
	Examples         []any       `json:"examples,omitempty"`

	raw json.RawMessage // the whole schema, of a type that has one of its own
}

// MarshalJSON returns the schema.
func (s *schema) MarshalJSON() ([]byte, error) {
	if s.raw != nil {
		return s.raw, nil
	}
	type plain schema
	return marshal((*plain)(s))
}

// marshal encodes without escaping what only HTML pages need to be escaped.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}

// types are the types that a schema allows: one, or one and null.
type types []string

// MarshalJSON returns a string for one type, and an array for several.
func (t types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return marshal(t[0])
	}
	return marshal([]string(t))
}

// property is a member of an object.
type property struct {
	name   string
	schema *schema
}

// properties are encoded as an object, in their order.
type properties []property

// MarshalJSON returns the object.
func (p properties) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i := range p {
		name, err := marshal(p[i].name)
		if err != nil {
			return nil, err
		}
		value, err := marshal(p[i].schema)
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

// kind returns the type that a schema allows beside null: "" if it allows any, and "$ref" for a
// reference or another schema whose type is not known.
func (s *schema) kind() string {
	switch {
	case len(s.Type) > 0:
		return s.Type[0]
	case s.Ref != "" || s.raw != nil || s.AnyOf != nil:
		return "$ref"
	}
	return ""
}

// isNullable reports whether a schema allows null beside its type.
func (s *schema) isNullable() bool { return len(s.Type) > 1 || s.AnyOf != nil }

// nullable returns a schema that allows null too. It may change s.
func (s *schema) nullable() *schema {
	switch {
	case s.isNullable(), s.kind() == "":
	case s.kind() == "$ref":
		return &schema{AnyOf: []*schema{s, {Type: types{"null"}}}}
	default:
		s.Type = append(s.Type, "null")
		if s.Enum != nil {
			s.Enum = append(s.Enum, nil)
		}
	}
	return s
}

// notNull returns a schema that does not allow null beside its type. It may change s.
func (s *schema) notNull() *schema {
	switch {
	case s.AnyOf != nil:
		return s.AnyOf[0]
	case s.isNullable():
		s.Type = s.Type[:1]
		if s.Enum != nil {
			s.Enum = s.Enum[:len(s.Enum)-1]
		}
	}
	return s
}
