package jsonschema

import (
	"slices"
	"strings"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// schema is a schema in the making. The zero schema allows everything.
type schema struct {
	kind  string            // the type that it allows, "" for any, or ref
	null  bool              // it allows null too
	own   string            // the whole schema, of a type that has one of its own
	items *schema           // of an array
	enum  []string          // the only values that it allows, in JSON; nil for all
	words map[string]string // the other keywords, with their values in JSON
}

// ref is the kind of references, and of schemas of a type's own.
const ref = "$ref"

// keywords are those that a schema may have, in the order in which they are written.
const keywords = "$ref x-go-type title description deprecated readOnly writeOnly type anyOf enum " +
	"properties required additionalProperties propertyNames items minItems maxItems uniqueItems " +
	"minLength maxLength pattern format contentEncoding minimum maximum " +
	"exclusiveMinimum exclusiveMaximum multipleOf default examples"

// set sets a keyword to a value in JSON. It has many callers, and would make each larger.
//
//go:noinline
func (s *schema) set(keyword, value string) *schema {
	if s.words == nil {
		s.words = make(map[string]string)
	}
	s.words[keyword] = value
	return s
}

// add adds a value in JSON to the array of a keyword.
func (s *schema) add(keyword, value string) {
	list := "["
	if others, ok := s.words[keyword]; ok {
		list = strings.TrimSuffix(others, "]") + ","
	}
	s.set(keyword, list+value+"]")
}

// nullable lets a schema allow null beside its type.
func (s *schema) nullable() *schema {
	s.null = true
	return s
}

// notNull makes a schema refuse null.
func (s *schema) notNull() *schema {
	s.null = false
	return s
}

// text returns the schema in JSON. It is the last method that may be called.
func (s *schema) text() string {
	switch {
	case s.kind == ref && s.null:
		s.set("anyOf", "["+s.alone()+`,{"type":"null"}]`)
		delete(s.words, ref)
	case s.own != "" && s.words != nil:
		s.set("anyOf", "["+s.own+"]")
	case s.own != "":
		return s.own
	case s.kind == ref, s.kind == "":
	case s.null:
		s.set("type", `["`+s.kind+`","null"]`)
	default:
		s.set("type", `"`+s.kind+`"`)
	}
	if s.enum != nil {
		if s.null && !slices.Contains(s.enum, "null") {
			s.enum = append(s.enum, "null")
		}
		s.set("enum", "["+strings.Join(s.enum, ",")+"]")
	}
	if s.items != nil {
		s.set("items", s.items.text())
	}
	var object string
	for _, keyword := range strings.Fields(keywords) {
		if value, ok := s.words[keyword]; ok {
			object += `,"` + keyword + `":` + value
		}
	}
	return "{" + strings.TrimPrefix(object, ",") + "}"
}

// alone returns a reference or a schema of a type's own, without what a field adds to it.
func (s *schema) alone() string {
	if s.own != "" {
		return s.own
	}
	return `{"$ref":` + s.words[ref] + `}`
}

// quote returns a string in JSON. It has many callers, and would make each larger.
//
//go:noinline
func quote(s string) string { return string(jsonscan.AppendString(nil, s)) }
