package typescript

import (
	"bytes"
	"encoding/json"
	"strings"
)

// quote returns a string literal.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b) // it escapes the line separators that JavaScript's strings had not
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return `""` // a string can always be encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// key returns the name of a property: in quotes unless it is a plain identifier.
func key(name string) string {
	for i, r := range name {
		if r != '_' && r != '$' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return quote(name)
		}
	}
	if name == "" || name == "__proto__" || name == "constructor" {
		return quote(name)
	}
	return name
}

// comment returns a documentation comment with these paragraphs, without the empty ones.
func comment(indent string, paragraphs ...string) string {
	var lines []string
	for _, p := range paragraphs {
		p = strings.NewReplacer("*/", "*\\/", "\r", "", "\u2028", " ", "\u2029", " ").Replace(strings.TrimSpace(p))
		if p == "" {
			continue
		}
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, strings.Split(p, "\n")...)
	}
	switch len(lines) {
	case 0:
		return ""
	case 1:
		return indent + "/** " + lines[0] + " */\n"
	}
	var b strings.Builder
	b.WriteString(indent + "/**\n")
	for _, line := range lines {
		b.WriteString(strings.TrimRight(indent+" * "+line, " \t") + "\n")
	}
	b.WriteString(indent + " */\n")
	return b.String()
}
