package describe

import (
	"encoding/json"
	"slices"
	"strings"
)

// Schema is a JSON Schema (2020-12) with the keywords that descriptions have. The zero Schema
// allows every value. Keywords that a Schema does not know are kept in Other.
type Schema struct {
	// Ref refers to a type of the [App], as "#/$defs/Name".
	Ref string
	// Types are the JSON types of the value, such as "object" or "null"; empty means any.
	Types []string
	// AnyOf are alternatives.
	AnyOf []*Schema

	Title, Description string
	// GoType is the Go type that a named schema was made from (x-go-type): the path of its package, a
	// dot and its name without type arguments. The path of the program's own package is "main".
	GoType string

	// Properties are those of an object, in the order of their declaration.
	Properties []Property
	Required   []string
	// Additional are the values of other properties; nil means that nothing is known about them.
	Additional *Schema
	// Closed reports that there are no other properties.
	Closed bool

	Items              *Schema
	MinItems, MaxItems *int
	UniqueItems        bool

	MinLength, MaxLength             *int
	Pattern, Format, ContentEncoding string
	Minimum, Maximum                 *json.Number
	ExclusiveMinimum                 *json.Number
	ExclusiveMaximum, MultipleOf     *json.Number
	Enum, Examples                   []json.RawMessage
	Const, Default                   json.RawMessage
	Deprecated                       bool
	Other                            map[string]json.RawMessage
}

// Property is a property of an object.
type Property struct {
	Name   string
	Schema *Schema
}

// Name returns the name of the type that a schema refers to, and "" if it does not refer to one.
func (s *Schema) Name() string {
	name, ok := strings.CutPrefix(s.Ref, refPrefix)
	if !ok {
		return ""
	}
	return unescapePointer.Replace(name)
}

const refPrefix = "#/$defs/"

//nolint:gochecknoglobals // a constant (RFC 6901, section 4)
var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

// IsRequired reports whether an object must have a property.
func (s *Schema) IsRequired(name string) bool { return slices.Contains(s.Required, name) }
