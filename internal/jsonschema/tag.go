package jsonschema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/jsontype"
)

// readTags applies the tags jsonschema and jsonschema_description of a field to its schema. It
// reports whether they require the field. The tag jsonschema has the grammar of
// github.com/invopop/jsonschema: keywords and values, separated by commas. A comma in a value has a
// backslash before it.
func readTags(f jsontype.Field, s *schema) (required bool, err error) {
	if text := f.Tag.Get("jsonschema"); text != "" {
		const comma = "\x00"
		for _, part := range strings.Split(strings.ReplaceAll(text, `\,`, comma), ",") {
			keyword, value, hasValue := strings.Cut(strings.ReplaceAll(part, comma, ","), "=")
			if keyword == "required" {
				required = true
			}
			why := s.apply(keyword, value, hasValue)
			if why == "" {
				why = s.contradiction()
			}
			if why != "" {
				return false, fmt.Errorf("the tag jsonschema:%q: %s", text, why)
			}
		}
	}
	if text := f.Tag.Get("jsonschema_description"); text != "" {
		s.set("description", quote(text))
	}
	return required, nil
}

// Kinds of values of keywords, besides the types of JSON Schema.
const (
	count   = "whole number" // that is not negative
	flag    = "flag"         // true, or nothing
	unknown = "unknown"      // of a keyword that does not exist
)

// apply applies a keyword of a tag, or describes why it cannot.
func (s *schema) apply(keyword, value string, hasValue bool) (why string) {
	to, fits, kind := s.meaning(keyword)
	text, ok := valueOf(kind, value)
	switch misfit := to.misfit(fits); {
	case kind == unknown:
		return "there is no keyword " + strconv.Quote(keyword)
	case kind == flag && hasValue && value != "true":
		return keyword + " must be true, or have no value"
	case kind != flag && !hasValue:
		return keyword + " needs a value"
	case misfit != "":
		return keyword + ": it is " + misfit
	case !ok:
		return keyword + ": " + strconv.Quote(value) + " is not a value of the type " + strings.TrimPrefix(kind, "$")
	case keyword == "multipleOf" && !isPositive(value):
		return keyword + ": it must be above zero"
	}
	switch keyword {
	case "required":
	case "nonnull":
		s.notNull()
	case "nullable":
		s.nullable()
	case "enum":
		if slices.Contains(to.enum, text) {
			return keyword + ": it has " + text + " twice"
		}
		to.enum = append(to.enum, text)
	case "example":
		s.add("examples", text)
	default:
		to.set(keyword, text)
	}
	return ""
}

// contradiction describes bounds that no value is between. It returns "" if there are none.
func (s *schema) contradiction() string {
	for _, bound := range []string{"Length", "Items", "imum"} {
		to, _, _ := s.meaning("min" + bound)
		lowest, err := strconv.ParseFloat(to.words["min"+bound], 64)
		highest, err2 := strconv.ParseFloat(to.words["max"+bound], 64)
		if err == nil && err2 == nil && lowest > highest {
			return "min" + bound + " is above max" + bound
		}
	}
	return ""
}

// meaning returns to which schema a keyword of a tag belongs, the type that it is for, if it is not
// for all, and the type of its value. For an array, keywords for strings and numbers are for its
// elements.
func (s *schema) meaning(keyword string) (to *schema, fits, kind string) {
	element := s
	if s.items != nil {
		element = s.items
	}
	switch keyword {
	case "required", "nonnull", "nullable", "deprecated", "readOnly", "writeOnly":
		return s, "", flag
	case "title", "description":
		return s, "", "string"
	case "default", "example":
		return s, "", s.kind
	case "enum":
		return element, element.kind, element.kind
	case "pattern", "format":
		return element, "string", "string"
	case "minLength", "maxLength":
		return element, "string", count
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf":
		return element, "number", "number"
	case "minItems", "maxItems":
		return s, "array", count
	case "uniqueItems":
		return s, "array", flag
	default:
		return s, "", unknown
	}
}

// misfit describes why a keyword for one type is wrong for a schema. It returns "" if it is right.
func (s *schema) misfit(want string) string {
	switch {
	case want == "", s.kind == "", s.kind == want && want != ref, s.kind == "integer" && want == "number":
		return ""
	case s.kind == ref:
		return "not for a type with a schema of its own"
	default:
		return "for " + want + "s, not for " + s.kind + "s"
	}
}

func isPositive(number string) bool {
	f, err := strconv.ParseFloat(number, 64)
	return err == nil && f > 0
}

// valueOf returns the JSON of a value that a tag has as text, and whether it is of a type. A text
// whose type is not known is JSON, or a string if it is not JSON.
func valueOf(kind, text string) (value string, ok bool) {
	got := jsonKind(text)
	switch kind {
	case flag:
		return "true", true
	case "":
		ok = true
		if got == "" {
			text = quote(text)
		}
	case "string":
		text, ok = quote(text), true
	case count:
		_, err := strconv.ParseUint(text, 10, 31)
		ok = err == nil && got == "number"
	case "integer":
		ok = got == "number" && !strings.ContainsAny(text, ".eE")
	case ref:
		ok = got != "" && got != "null"
	default:
		ok = kind == got
	}
	return text, ok
}

// jsonKind returns the type of a JSON text, or "" if the text is not JSON.
func jsonKind(text string) string {
	text = strings.TrimSpace(text)
	s := jsonscan.NewScanner([]byte(text), nil)
	if s.Skip(); s.End() != nil {
		return ""
	}
	switch text[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	default:
		return "number"
	}
}
