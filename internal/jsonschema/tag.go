package jsonschema

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/internal/jsontype"
)

// tagged is what the tags of a field make of its schema.
type tagged struct {
	schema   schema
	required bool
}

// readTags applies the tags jsonschema and jsonschema_description of a field to its schema. The tag
// jsonschema has the grammar of github.com/invopop/jsonschema: keywords and values, separated by
// commas. A comma in a value has a backslash before it.
func readTags(f jsontype.Field, s schema) (tagged, error) {
	r := tagReader{constraints: schema{}, annotations: schema{}, null: s.isNullable(), kind: s.kind()}
	r.target = r.kind
	plain := maps.Clone(s.notNull())
	items, isArray := plain["items"].(schema)
	if isArray {
		r.target = items.kind()
	}
	if text := f.Tag.Get("jsonschema"); text != "" {
		for _, part := range splitTag(text) {
			name, value, hasValue := strings.Cut(part, "=")
			if err := r.set(name, value, hasValue); err != nil {
				return tagged{}, fmt.Errorf("the tag jsonschema:%q: %w", text, err)
			}
		}
	}
	if text, ok := f.Tag.Lookup("jsonschema_description"); ok {
		r.annotations["description"] = text
	}
	for name, value := range r.constraints {
		if isArray && !strings.HasSuffix(name, "Items") {
			items = maps.Clone(items)
			items[name] = value
			plain["items"] = items
		} else {
			plain[name] = value
		}
	}
	if r.null {
		plain = plain.nullable()
	}
	if len(r.annotations) > 0 {
		plain = maps.Clone(plain)
		maps.Copy(plain, r.annotations)
	}
	return tagged{plain, r.required}, nil
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

// tagReader collects what a tag says.
type tagReader struct {
	kind, target string // of the field, and of what constraints of strings and numbers are for
	constraints  schema
	annotations  schema
	null         bool
	required     bool
}

// set sets one keyword.
func (r *tagReader) set(name, value string, hasValue bool) error {
	switch name {
	case "required", "nonnull", "nullable", "deprecated", "readOnly", "writeOnly", "uniqueItems":
		return r.setFlag(name, value, hasValue)
	}
	if !hasValue {
		return fmt.Errorf("%q is not a keyword that stands alone", name)
	}
	switch name {
	case "title", "description":
		r.annotations[name] = value
	case "default":
		v, err := valueOf(r.kind, value)
		r.annotations[name] = v
		return named(name, err)
	case "example":
		v, err := valueOf(r.kind, value)
		list, _ := r.annotations["examples"].([]any)
		r.annotations["examples"] = append(slices.Clone(list), v)
		return named(name, err)
	case "enum":
		v, err := valueOf(r.target, value)
		list, _ := r.constraints["enum"].([]any)
		r.constraints["enum"] = append(slices.Clone(list), v)
		return named(name, err)
	case "minLength", "maxLength":
		return r.setCount(name, value, r.target, "string")
	case "minItems", "maxItems":
		return r.setCount(name, value, r.kind, "array")
	case "pattern", "format":
		r.constraints[name] = value
		return fits(name, r.target, "string")
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf":
		return r.setNumber(name, value)
	default:
		return fmt.Errorf("there is no keyword %q", name)
	}
	return nil
}

// setFlag sets a keyword without a value, or with the value true.
func (r *tagReader) setFlag(name, value string, hasValue bool) error {
	if hasValue && value != "true" {
		return fmt.Errorf("%s must be true, or have no value", name)
	}
	switch name {
	case "required":
		r.required = true
	case "nonnull", "nullable":
		r.null = name == "nullable"
	case "uniqueItems":
		r.constraints[name] = true
		return fits(name, r.kind, "array")
	default:
		r.annotations[name] = true
	}
	return nil
}

func (r *tagReader) setCount(name, value, kind, want string) error {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return fmt.Errorf("%s must be a whole number, not %q", name, value)
	}
	r.constraints[name] = n
	return fits(name, kind, want)
}

func (r *tagReader) setNumber(name, value string) error {
	if _, err := valueOf("number", value); err != nil {
		return named(name, err)
	}
	if name == "multipleOf" && !isPositive(value) {
		return fmt.Errorf("multipleOf must be above zero, not %s", value)
	}
	r.constraints[name] = json.Number(value)
	return fits(name, r.target, "number")
}

func isPositive(number string) bool {
	f, err := strconv.ParseFloat(number, 64)
	return err == nil && f > 0
}

// fits returns an error if a keyword is for values of another type.
func fits(name, kind, want string) error {
	if kind == want || kind == "" || want == "number" && kind == "integer" {
		return nil
	}
	if kind == "$ref" {
		return fmt.Errorf("%s is for a %s, not for a type with a schema of its own", name, want)
	}
	return fmt.Errorf("%s is for a %s, not for a %s", name, want, kind)
}

// valueOf returns the value of a type that a tag has as text.
func valueOf(kind, text string) (any, error) {
	raw := json.RawMessage(text)
	valid := json.Valid(raw) && strings.TrimSpace(text) == text
	isNumber := valid && strings.Contains("-0123456789", text[:1])
	switch kind {
	case "string":
		return text, nil
	case "integer":
		if !isNumber || strings.ContainsAny(text, ".eE") {
			return nil, fmt.Errorf("%q is not a whole number", text)
		}
	case "number":
		if !isNumber {
			return nil, fmt.Errorf("%q is not a number", text)
		}
	case "boolean":
		if text != "true" && text != "false" {
			return nil, fmt.Errorf("%q is not true or false", text)
		}
	case "":
		if !valid {
			return text, nil
		}
	default:
		if !valid {
			return nil, errors.New("the value must be JSON")
		}
	}
	return raw, nil
}

// named returns an error with the name of the keyword before it.
func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}
