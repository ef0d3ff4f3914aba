package emulator

import (
	"strings"

	"github.com/gatesock/gatesock/internal/jsontext"
)

// evaluate gives the route key that the expression makes of a message. It gives false if the message is not JSON and
// the expression asks for a part of it; then $default is selected (AWS Developer Guide, "Create routes").
func (e expression) evaluate(body []byte) (string, bool) {
	var key strings.Builder
	for _, p := range e {
		if !p.variable {
			key.WriteString(p.literal)
			continue
		}
		s := jsontext.NewScanner(body, nil)
		var few [4]string
		found := follow(&s, p.path, few[:0])
		if s.End() != nil {
			return "", false
		}
		if len(e) == 1 && len(found) == 1 && !p.many() {
			return found[0], true
		}
		p.write(&key, found)
	}
	return key.String(), true
}

// many tells whether the path may lead to several values.
func (p part) many() bool {
	for _, s := range p.path {
		if s.index == wildcard {
			return true
		}
	}
	return false
}

// write writes what the path has led to: a list, or one value, or nothing.
func (p part) write(b *strings.Builder, found []string) {
	if !p.many() {
		for _, v := range found {
			b.WriteString(v)
		}
		return
	}
	b.WriteByte('[')
	b.WriteString(strings.Join(found, ", "))
	b.WriteByte(']')
}

// follow reads a value and appends the texts of those that the path leads to. Of members with one name the last
// counts, as with decoders that keep a map.
func follow(s *jsontext.Scanner, path []step, found []string) []string {
	if len(path) == 0 {
		return append(found, stringify(s))
	}
	step, rest := path[0], path[1:]
	before := len(found)
	switch c := s.Peek(); {
	case c == '{' && step.index != wildcard && step.index != notIndex, c == '[' && step.index == notIndex:
		s.Skip()
	case c == '{':
		s.Open(c)
		for s.More('}') {
			switch key := s.Key(); {
			case step.index == wildcard:
				found = follow(s, rest, found)
			case string(key) == step.name:
				found = follow(s, rest, found[:before])
			default:
				s.Skip()
			}
		}
	case c == '[':
		s.Open(c)
		for i := 0; s.More(']'); i++ {
			if step.index == wildcard || step.index == i {
				found = follow(s, rest, found)
			} else {
				s.Skip()
			}
		}
	default:
		s.Skip()
	}
	return found
}

// stringify reads a JSON value as text: a string without quotes, an array as "[item1, item2]" (AWS Developer
// Guide), null as nothing. For an object AWS does not say; it stays JSON.
func stringify(s *jsontext.Scanner) string {
	if s.Peek() != '[' {
		text, _ := s.Scalar()
		return text
	}
	var items []string
	s.Open('[')
	for s.More(']') {
		items = append(items, stringify(s))
	}
	return "[" + strings.Join(items, ", ") + "]"
}
