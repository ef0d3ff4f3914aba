package jsonschema

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/internal/jsontype"
)

// tagReader applies the tags of a field to its schema.
type tagReader struct {
	field       *schema // without null
	element     *schema // of an array, or the field's: what constraints of strings and numbers are for
	annotations schema
	null        bool
	required    bool
}

// readTags applies the tags jsonschema and jsonschema_description of a field to its schema. It
// reports whether they require the field. The tag jsonschema has the grammar of
// github.com/invopop/jsonschema: keywords and values, separated by commas. A comma in a value has a
// backslash before it.
func readTags(f jsontype.Field, s *schema) (_ *schema, required bool, err error) {
	r := tagReader{null: s.isNullable(), field: s.notNull()}
	r.element = r.field
	if r.field.Items != nil {
		r.element = r.field.Items
	}
	if text := f.Tag.Get("jsonschema"); text != "" {
		for _, part := range splitTag(text) {
			if err := r.set(part); err != nil {
				return nil, false, fmt.Errorf("the tag jsonschema:%q: %w", text, err)
			}
		}
	}
	if text := f.Tag.Get("jsonschema_description"); text != "" {
		r.annotations.Description = text
	}
	return r.schema(), r.required, nil
}

// splitTag splits a tag at the commas without a backslash.
func splitTag(text string) []string {
	const escaped = "\x00"
	parts := strings.Split(strings.ReplaceAll(text, `\,`, escaped), ",")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], escaped, ",")
	}
	return parts
}

// schema returns the schema with what the tags said.
func (r *tagReader) schema() *schema {
	s, a := r.field, &r.annotations
	if r.null {
		s = s.nullable()
	}
	hasText := a.Title != "" || a.Description != ""
	hasFlag := a.Deprecated || a.ReadOnly || a.WriteOnly
	if s.raw != nil && (hasText || hasFlag || a.Default != nil || a.Examples != nil) {
		s = &schema{AnyOf: []*schema{s}}
	}
	s.Title, s.Description, s.Default, s.Examples = a.Title, a.Description, a.Default, a.Examples
	s.Deprecated, s.ReadOnly, s.WriteOnly = a.Deprecated, a.ReadOnly, a.WriteOnly
	return s
}

// set applies one keyword.
func (r *tagReader) set(part string) (err error) {
	name, value, hasValue := strings.Cut(part, "=")
	s, a := r.element, &r.annotations
	switch name {
	case "required", "nonnull", "nullable", "deprecated", "readOnly", "writeOnly", "uniqueItems":
		if hasValue && value != "true" {
			return fmt.Errorf("%s must be true, or have no value", name)
		}
		return r.setFlag(name)
	case "title":
		a.Title = value
	case "description":
		a.Description = value
	case "default":
		a.Default, err = valueOf(r.field.kind(), value)
	case "example":
		err = appendValue(&a.Examples, r.field.kind(), value)
	case "enum":
		if err = fits(s, s.kind()); err == nil {
			err = appendValue(&s.Enum, s.kind(), value)
		}
	case "pattern":
		s.Pattern, err = value, fits(s, "string")
	case "format":
		s.Format, err = value, fits(s, "string")
	case "minLength":
		err = setCount(&s.MinLength, value, fits(s, "string"))
	case "maxLength":
		err = setCount(&s.MaxLength, value, fits(s, "string"))
	case "minItems":
		err = setCount(&r.field.MinItems, value, fits(r.field, "array"))
	case "maxItems":
		err = setCount(&r.field.MaxItems, value, fits(r.field, "array"))
	case "minimum":
		err = setNumber(&s.Minimum, value, fits(s, "number"))
	case "maximum":
		err = setNumber(&s.Maximum, value, fits(s, "number"))
	case "exclusiveMinimum":
		err = setNumber(&s.ExclusiveMinimum, value, fits(s, "number"))
	case "exclusiveMaximum":
		err = setNumber(&s.ExclusiveMaximum, value, fits(s, "number"))
	case "multipleOf":
		if err = setNumber(&s.MultipleOf, value, fits(s, "number")); err == nil && !isPositive(value) {
			err = errors.New("it must be above zero")
		}
	default:
		return fmt.Errorf("there is no keyword %q", name)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case !hasValue:
		return fmt.Errorf("%s needs a value", name)
	}
	return nil
}

func (r *tagReader) setFlag(name string) error {
	switch name {
	case "required":
		r.required = true
	case "nonnull":
		r.null = false
	case "nullable":
		r.null = true
	case "deprecated":
		r.annotations.Deprecated = true
	case "readOnly":
		r.annotations.ReadOnly = true
	case "writeOnly":
		r.annotations.WriteOnly = true
	default:
		r.field.UniqueItems = true
		if err := fits(r.field, "array"); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func setCount(to **int, value string, err error) error {
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return fmt.Errorf("%q is not a whole number", value)
	}
	*to = new(int(n))
	return nil
}

func setNumber(to *json.Number, value string, err error) error {
	if err != nil {
		return err
	}
	_, err = valueOf("number", value)
	*to = json.Number(value)
	return err
}

func isPositive(number string) bool {
	f, err := strconv.ParseFloat(number, 64)
	return err == nil && f > 0
}

func appendValue(to *[]any, kind, value string) error {
	v, err := valueOf(kind, value)
	*to = append(*to, v)
	return err
}

// fits returns an error if a schema is for values of another type than a keyword.
func fits(s *schema, want string) error {
	switch kind := s.kind(); {
	case kind == "$ref":
		return errors.New("it is not for a type with a schema of its own")
	case kind == want || kind == "" || want == "number" && kind == "integer":
		return nil
	default:
		return fmt.Errorf("it is for %ss, not for %ss", want, kind)
	}
}

// valueOf returns the value of a type that a tag has as text. A text of which the type is not known
// is JSON, or a string if it is not JSON.
func valueOf(kind, text string) (any, error) {
	if kind == "string" {
		return text, nil
	}
	var v any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil || dec.InputOffset() != int64(len(text)) {
		if kind == "" {
			return text, nil
		}
		v = nil
	}
	_, isBool := v.(bool)
	number, isNumber := v.(json.Number)
	switch {
	case kind == "boolean" && !isBool,
		kind == "number" && !isNumber,
		kind == "integer" && (!isNumber || strings.ContainsAny(number.String(), ".eE")),
		(kind == "array" || kind == "object" || kind == "$ref") && v == nil:
		return nil, fmt.Errorf("%q is not a value of the type %s", text, strings.TrimPrefix(kind, "$"))
	}
	return v, nil
}
