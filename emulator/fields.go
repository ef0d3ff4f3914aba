package emulator

import (
	"slices"
	"strings"

	"github.com/gatesock/gatesock/internal/jsontext"
)

// field is a name with its values, as of a header or a query parameter.
type field struct {
	name   string
	values []string
}

// appendFields appends the two objects that events have of a list of fields: under name those with a single value
// each, the last one given, and under multiName those with all values.
func appendFields(b []byte, name, multiName string, fields []field) []byte {
	b = append(jsontext.AppendString(append(b, ','), name), ":{"...)
	for i, f := range fields {
		b = appendKey(b, i, f.name)
		b = jsontext.AppendString(b, f.values[len(f.values)-1])
	}
	b = append(jsontext.AppendString(append(b, "},"...), multiName), ":{"...)
	for i, f := range fields {
		b = appendKey(b, i, f.name)
		for j, v := range f.values {
			if j == 0 {
				b = append(b, '[')
			} else {
				b = append(b, ',')
			}
			b = jsontext.AppendString(b, v)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// appendKey appends the key of an object's member number i.
func appendKey(b []byte, i int, key string) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return append(jsontext.AppendString(b, key), ':')
}

// fieldsOf gives the fields of a header or a query that have a value, by name.
func fieldsOf(m map[string][]string) []field {
	fields := make([]field, 0, len(m)+8)
	for name, values := range m {
		if len(values) > 0 {
			fields = append(fields, field{name, values})
		}
	}
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return fields
}
