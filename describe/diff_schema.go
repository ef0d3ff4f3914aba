package describe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// schemaDiff compares the schemas of one input or output. What narrows a schema breaks an input,
// and what widens it breaks an output.
type schemaDiff struct {
	*differ
	isOutput bool
	// done are the types that have been compared, apart from whether they may be null, so that
	// recursive types end.
	done map[[2]*Schema]bool
}

func (d *differ) input(path string, a, b *Schema) {
	s := &schemaDiff{differ: d, done: make(map[[2]*Schema]bool)}
	s.compare(path, a, b)
}

func (d *differ) output(path string, a, b *Schema) {
	s := &schemaDiff{differ: d, isOutput: true, done: make(map[[2]*Schema]bool)}
	s.compare(path, a, b)
}

// effect is what a change does to the values that a schema allows.
type effect int

const (
	neither effect = 0
	narrows effect = 1 << iota
	widens
)

// note adds a change.
func (s *schemaDiff) note(path string, e effect, format string, args ...any) {
	breaks := narrows
	if s.isOutput {
		breaks = widens
	}
	s.add(path, e&breaks != 0, format, args...)
}

// compare compares two schemas; nil allows everything.
func (s *schemaDiff) compare(path string, from, to *Schema) {
	a, typeA := s.from.meaning(from)
	b, typeB := s.to.meaning(to)
	if (len(a.AnyOf) > 0) != (len(b.AnyOf) > 0) {
		s.note(path, narrows|widens, "was %s and is %s", a.kind(), b.kind())
		return
	}
	pair := [2]*Schema{typeA, typeB}
	if !s.types(path, a, b) || s.done[pair] {
		return
	}
	s.done[pair] = true
	s.alternatives(path, a, b)
	s.values(path, a, b)
	s.bounds(path, a, b)
	s.rest(path, a, b)
	if a.has("object") && b.has("object") {
		s.object(path, a, b)
	}
	if a.has("array") && b.has("array") && (a.Items != nil || b.Items != nil) {
		s.compare(path+"[]", a.Items, b.Items)
	}
	if a.Deprecated != b.Deprecated {
		s.note(path, neither, "%s", map[bool]string{true: "is deprecated", false: "is not deprecated any more"}[b.Deprecated])
	}
}

// meaning returns a schema without references, in which null is one of the types, and the schema of
// the description that it comes from. No schema, or a reference to none, allows everything.
func (a *App) meaning(s *Schema) (meaning, of *Schema) {
	s = a.target(s)
	if s == nil {
		return new(Schema), nil
	}
	if len(s.AnyOf) != 2 || !s.AnyOf[1].isNull() || len(s.Types)+len(s.allowed()) > 0 {
		return s, s
	}
	value := a.target(s.AnyOf[0])
	if value == nil || len(value.AnyOf) > 0 {
		return s, s
	}
	c := *value
	if allowed := c.allowed(); len(allowed) > 0 {
		c.Enum, c.Const = append(slices.Clone(allowed), json.RawMessage("null")), nil
	}
	if len(c.Types) > 0 && !slices.Contains(c.Types, "null") {
		c.Types = append(slices.Clone(c.Types), "null")
	}
	return &c, value
}

func (s *Schema) isNull() bool { return s != nil && slices.Equal(s.Types, []string{"null"}) }

// target follows references; nil if they refer to nothing.
func (a *App) target(s *Schema) *Schema {
	for range len(a.Types) + 1 {
		if s == nil || s.Ref == "" {
			break
		}
		s = a.Types[s.Name()]
	}
	if s == nil || s.Ref != "" {
		return nil
	}
	return s
}

// types compares the JSON types. It reports whether the schemas have one in common, so that more
// can be said about them.
func (s *schemaDiff) types(path string, a, b *Schema) bool {
	from, to := a.kinds(), b.kinds()
	lost, gained := uncovered(from, to), uncovered(to, from)
	switch {
	case len(lost) == 0 && len(gained) == 0:
		return true
	case len(gained) == 0 && slices.Equal(lost, []string{"null"}):
		s.note(path, narrows, "may not be null any more")
	case len(lost) == 0 && slices.Equal(gained, []string{"null"}):
		s.note(path, widens, "may be null")
	default:
		s.note(path, sum(len(lost) > 0, len(gained) > 0), "was %s and is %s", a.kind(), b.kind())
	}
	if len(lost)+len(gained) > 0 && (a.allowsAll() || b.allowsAll()) {
		return false
	}
	return len(lost) < len(from) || len(gained) < len(to)
}

// allowsAll reports whether a schema allows every value, so that the types say all about the
// difference to another schema.
func (s *Schema) allowsAll() bool {
	c := *s
	c.Title, c.Description, c.GoType, c.Default, c.Examples, c.Deprecated = "", "", "", nil, nil, false
	text, err := json.Marshal(&c)
	return err == nil && string(text) == "{}"
}

func sum(narrow, widen bool) effect {
	e := neither
	if narrow {
		e |= narrows
	}
	if widen {
		e |= widens
	}
	return e
}

// uncovered returns the types of a that are not in b. An integer is a number.
func uncovered(a, b []string) (list []string) {
	for _, t := range a {
		if !slices.Contains(b, t) && (t != "integer" || !slices.Contains(b, "number")) {
			list = append(list, t)
		}
	}
	return list
}

// kinds returns the JSON types of the values that a schema allows.
func (s *Schema) kinds() []string {
	if len(s.Types) > 0 {
		return s.Types
	}
	var kinds []string
	for _, value := range s.allowed() {
		if k := kindOf(value); !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		return []string{"object", "array", "string", "number", "boolean", "null"}
	}
	return kinds
}

func (s *Schema) has(kind string) bool { return slices.Contains(s.kinds(), kind) }

// kindOf returns the JSON type of a value.
func kindOf(value json.RawMessage) string {
	switch first := append(bytes.TrimSpace(value), ' ')[0]; first {
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

// kind returns the types of a schema for people.
func (s *Schema) kind() string {
	switch {
	case len(s.AnyOf) > 0:
		return "one of several"
	case len(s.Types) == 0 && len(s.allowed()) == 0:
		return "anything"
	}
	return strings.Join(s.kinds(), " or ")
}

// allowed returns the only values that a schema allows; nil if it does not list them.
func (s *Schema) allowed() []json.RawMessage {
	if s.Const != nil {
		return []json.RawMessage{s.Const}
	}
	return s.Enum
}

// values compares enums and constants.
func (s *schemaDiff) values(path string, a, b *Schema) {
	from, to := texts(a.allowed()), texts(b.allowed())
	switch {
	case len(from) == 0 && len(to) == 0:
		return
	case len(from) == 0:
		s.note(path, narrows, "must be one of %s", words(to))
		return
	case len(to) == 0:
		s.note(path, widens, "may have other values than %s", words(from))
		return
	}
	removed, added := sides(from, to)
	for _, value := range removed {
		s.note(path, narrows, "enum value removed: %s", value)
	}
	for _, value := range added {
		s.note(path, widens, "enum value added: %s", value)
	}
}

// texts returns values in a form in which equal ones are written alike.
func texts(values []json.RawMessage) []string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = textOf(value)
	}
	return list
}

func textOf(value json.RawMessage) string {
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return string(value)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return string(value)
	}
	return string(text)
}

// alternatives compares those of anyOf: alternatives that are written alike with each other.
func (s *schemaDiff) alternatives(path string, a, b *Schema) {
	from, to := written(a.AnyOf), written(b.AnyOf)
	for i, text := range from {
		if j := slices.Index(to, text); j >= 0 {
			s.compare(fmt.Sprintf("%s, alternative %d", path, i+1), a.AnyOf[i], b.AnyOf[j])
		}
	}
	removed, added := sides(from, to)
	for _, text := range removed {
		s.note(path, narrows, "alternative removed: %s", text)
	}
	for _, text := range added {
		s.note(path, widens, "alternative added: %s", text)
	}
}

func written(list []*Schema) []string {
	texts := make([]string, len(list))
	for i, s := range list {
		text, err := json.Marshal(s)
		if err != nil {
			text = fmt.Appendf(nil, "alternative %d", i+1)
		}
		texts[i] = string(text)
	}
	return texts
}
