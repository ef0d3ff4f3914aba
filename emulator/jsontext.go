package emulator

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string, with only those escapes that JSON demands. Invalid UTF-8 becomes
// U+FFFD, which concerns handshake headers only.
func appendString[S string | []byte](b []byte, s S) []byte {
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf || c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		b = appendEscape(b, c)
		start = i + 1
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	default:
		return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
	}
}

// appendText is appendString for text of unknown origin.
func appendText(b []byte, s string) []byte {
	return appendString(b, strings.ToValidUTF8(s, "\ufffd"))
}

// field is a name with its values, as of a header or a query parameter.
type field struct {
	name   string
	values []string
}

// appendFields appends the two objects that events have of a list of fields: under name those with a single value
// each, the last one given, and under multiName those with all values.
func appendFields(b []byte, name, multiName string, fields []field) []byte {
	b = append(appendString(append(b, ','), name), ":{"...)
	for i, f := range fields {
		b = appendKey(b, i, f.name)
		b = appendText(b, f.values[len(f.values)-1])
	}
	b = append(appendString(append(b, "},"...), multiName), ":{"...)
	for i, f := range fields {
		b = appendKey(b, i, f.name)
		for j, v := range f.values {
			if j == 0 {
				b = append(b, '[')
			} else {
				b = append(b, ',')
			}
			b = appendText(b, v)
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
	return append(appendText(b, key), ':')
}

// fieldsOf gives the fields of a header or a query that have a value, by name.
func fieldsOf(m map[string][]string) []field {
	fields := make([]field, 0, len(m)+8)
	for name, values := range m {
		if len(values) > 0 {
			fields = append(fields, field{name, values})
		}
	}
	sortFields(fields)
	return fields
}

func sortFields(fields []field) {
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
}
