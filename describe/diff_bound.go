package describe

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// bounds compares lengths and ranges.
func (s *schemaDiff) bounds(path string, a, b *Schema) {
	s.lower(path, "minLength", atLeast(a.MinLength), atLeast(b.MinLength))
	s.upper(path, "maxLength", count(a.MaxLength), count(b.MaxLength))
	s.lower(path, "minItems", atLeast(a.MinItems), atLeast(b.MinItems))
	s.upper(path, "maxItems", count(a.MaxItems), count(b.MaxItems))
	s.lower(path, "minimum", number(a.Minimum), number(b.Minimum))
	s.lower(path, "exclusiveMinimum", number(a.ExclusiveMinimum), number(b.ExclusiveMinimum))
	s.upper(path, "maximum", number(a.Maximum), number(b.Maximum))
	s.upper(path, "exclusiveMaximum", number(a.ExclusiveMaximum), number(b.ExclusiveMaximum))
}

// bound is a bound as it was written; the zero bound is that of a schema without one.
type bound struct {
	text  string
	value *big.Float // nil if it cannot be compared
}

func (b bound) String() string { return cmp.Or(b.text, "unset") }

func count(n *int) bound {
	if n == nil {
		return bound{}
	}
	value := new(big.Float).SetInt64(int64(*n))
	return bound{value.Text('f', 0), value}
}

// atLeast is a lower bound of a number that cannot be negative.
func atLeast(n *int) bound {
	if n == nil {
		n = new(int)
	}
	return count(n)
}

func number(n *json.Number) bound {
	if n == nil {
		return bound{}
	}
	const precision = 512
	value, _, err := big.ParseFloat(n.String(), 10, precision, big.ToNearestEven)
	if err != nil {
		value = nil
	}
	return bound{n.String(), value}
}

func (s *schemaDiff) lower(path, what string, a, b bound) { s.bound(path, what, a, b, 1) }
func (s *schemaDiff) upper(path, what string, a, b bound) { s.bound(path, what, a, b, -1) }

// bound compares two bounds. The sign is that of a change that leaves less room.
func (s *schemaDiff) bound(path, what string, a, b bound, tighter int) {
	e := narrows | widens
	switch {
	case a.text == b.text:
		return
	case a.text == "":
		e = narrows
	case b.text == "":
		e = widens
	case a.value != nil && b.value != nil:
		switch b.value.Cmp(a.value) * tighter {
		case 0:
			return
		case 1:
			e = narrows
		default:
			e = widens
		}
	}
	s.note(path, e, "%s was %s and is %s", what, a, b)
}

// rest compares the keywords of which only the presence can be compared.
func (s *schemaDiff) rest(path string, a, b *Schema) {
	s.keyword(path, "pattern", a.Pattern, b.Pattern)
	s.keyword(path, "format", a.Format, b.Format)
	s.keyword(path, "contentEncoding", a.ContentEncoding, b.ContentEncoding)
	s.keyword(path, "multipleOf", number(a.MultipleOf).text, number(b.MultipleOf).text)
	s.keyword(path, "uniqueItems", present(a.UniqueItems), present(b.UniqueItems))
	names := slices.Concat(slices.Collect(maps.Keys(a.Other)), slices.Collect(maps.Keys(b.Other)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		before, after := textOf(a.Other[name]), textOf(b.Other[name])
		if before != after && !isAnnotation(name) {
			s.note(path, narrows|widens, "%s was %s and is %s", name, cmp.Or(before, "unset"), cmp.Or(after, "unset"))
		}
	}
}

// isAnnotation reports whether a keyword allows and forbids nothing.
func isAnnotation(name string) bool {
	return strings.HasPrefix(name, "x-") || slices.Contains([]string{"$comment", "readOnly", "writeOnly"}, name)
}

func present(is bool) string {
	if is {
		return "true"
	}
	return ""
}

// keyword compares the values of a keyword that leaves less room than its absence.
func (s *schemaDiff) keyword(path, name, a, b string) {
	if a != b {
		s.note(path, sum(b != "", a != ""), "%s was %s and is %s", name, cmp.Or(a, "unset"), cmp.Or(b, "unset"))
	}
}
