package typescript

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/describe"
)

// about returns the comment of a property: its description, and what its type cannot express.
func (f *file) about(s *describe.Schema, indent string) string {
	if s == nil {
		return ""
	}
	deprecated := ""
	if s.Deprecated {
		deprecated = "@deprecated"
	}
	return comment(indent, s.Description, constraints(s), deprecated)
}

// constraints returns a sentence for each thing that a value must be besides its type.
func constraints(s *describe.Schema) string {
	var list []string
	add := func(condition bool, format string, value any) {
		if condition {
			list = append(list, fmt.Sprintf(format, value))
		}
	}
	add(s.Format != "", "Format: %s.", s.Format)
	add(s.ContentEncoding != "", "Encoding: %s.", s.ContentEncoding)
	add(s.Pattern != "", "Pattern: %s", s.Pattern)
	list = append(list, between("characters", s.MinLength, s.MaxLength), between("elements", s.MinItems, s.MaxItems))
	if s.Minimum != nil {
		list = append(list, "At least "+s.Minimum.String()+".")
	}
	if s.ExclusiveMinimum != nil {
		list = append(list, "More than "+s.ExclusiveMinimum.String()+".")
	}
	if s.Maximum != nil {
		list = append(list, "At most "+s.Maximum.String()+".")
	}
	if s.ExclusiveMaximum != nil {
		list = append(list, "Less than "+s.ExclusiveMaximum.String()+".")
	}
	if s.MultipleOf != nil {
		list = append(list, "A multiple of "+s.MultipleOf.String()+".")
	}
	add(s.UniqueItems, "%s", "No two elements are equal.")
	add(slices.Contains(s.Types, "integer"), "%s", integer(s))
	add(s.Default != nil, "Default: %s", s.Default)
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), " ")
}

// integer warns of integers of 64 bits.
func integer(s *describe.Schema) string {
	if s.Maximum != nil || s.ExclusiveMaximum != nil {
		return "An integer."
	}
	return "An integer; JavaScript rounds those beyond 2^53."
}

func between(what string, low, high *int) string {
	switch {
	case low != nil && high != nil && *low == *high:
		return fmt.Sprintf("Exactly %d %s.", *low, what)
	case low != nil && high != nil:
		return fmt.Sprintf("%d to %d %s.", *low, *high, what)
	case low != nil:
		return fmt.Sprintf("At least %d %s.", *low, what)
	case high != nil:
		return fmt.Sprintf("At most %d %s.", *high, what)
	default:
		return ""
	}
}

// literalObject returns the type of one JSON object.
func literalObject(object map[string]any) string {
	if len(object) == 0 {
		return "{ [key: string]: never }"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		parts = append(parts, key(name)+": "+literalOf(object[name]))
	}
	return "{ " + strings.Join(parts, "; ") + " }"
}
