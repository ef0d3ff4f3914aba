package emulator

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// expression is a parsed route selection expression. Its value is the concatenation of the values
// of its parts.
type expression []part

// part is literal text or a variable.
type part struct {
	literal  string
	variable bool
	path     []step // of a variable, from the body
}

// step is one step of a JSONPath.
type step struct {
	kind  stepKind
	name  string // of stepMember
	index int    // of stepIndex
}

type stepKind int

const (
	stepMember   stepKind = iota // .name or ['name'], of an object
	stepIndex                    // [0], of an array
	stepWildcard                 // .* or [*], of either
)

// bodyVariable is the only variable in route selection expressions.
const bodyVariable = "request.body"

// parseExpression parses an expression. [New] describes the syntax.
func parseExpression(text string) (expression, error) {
	if text == "" {
		return nil, errors.New("empty expression")
	}
	var (
		e       expression
		literal strings.Builder
	)
	flush := func() {
		if literal.Len() > 0 {
			e = append(e, part{literal: literal.String()})
			literal.Reset()
		}
	}
	for text != "" {
		switch {
		case strings.HasPrefix(text, `\$`):
			literal.WriteByte('$')
			text = text[2:]
		case text[0] == '$':
			flush()
			p, rest, err := parseVariable(text[1:])
			if err != nil {
				return nil, err
			}
			e = append(e, p)
			text = rest
		default:
			literal.WriteByte(text[0])
			text = text[1:]
		}
	}
	flush()
	return e, nil
}

// parseVariable parses what follows a dollar sign. It returns the text after the variable.
func parseVariable(text string) (part, string, error) {
	end := strings.IndexFunc(text, func(r rune) bool { return !isPathRune(r) })
	if end < 0 {
		end = len(text)
	}
	name, rest := text[:end], text[end:]
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		name, rest, ok = strings.Cut(inner, "}")
		if !ok {
			return part{}, "", errors.New(`"${" without "}"`)
		}
	}
	path, ok := strings.CutPrefix(name, bodyVariable)
	if !ok || path != "" && path[0] != '.' && path[0] != '[' {
		return part{}, "", fmt.Errorf(`unknown variable "$%s": want $%s; a plain dollar sign is \$`, name, bodyVariable)
	}
	steps, err := parsePathSteps(path)
	if err != nil {
		return part{}, "", fmt.Errorf("variable $%s: %w", name, err)
	}
	return part{variable: true, path: steps}, rest, nil
}

// isPathRune reports whether a variable without braces may contain r. The hyphen is included, which
// is why AWS writes ${request.body.version}-beta.
func isPathRune(r rune) bool {
	return r == '_' || r == '-' || strings.ContainsRune(`.[]'"*`, r) ||
		'0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// parsePathSteps parses any number of .name, ['name'], [0] and [*].
func parsePathSteps(path string) ([]step, error) {
	var steps []step
	for path != "" {
		var (
			s   step
			err error
		)
		if path[0] == '.' {
			s, path, err = parseDotStep(path[1:])
		} else {
			s, path, err = parseBracketStep(path)
		}
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func parseDotStep(path string) (step, string, error) {
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		end = len(path)
	}
	name := path[:end]
	switch {
	case name == "":
		return step{}, "", errors.New("empty name in the path")
	case name == "*":
		return step{kind: stepWildcard}, path[end:], nil
	case strings.ContainsAny(name, `]'"*`):
		return step{}, "", fmt.Errorf("bad name %q in the path", name)
	}
	return step{kind: stepMember, name: name}, path[end:], nil
}

func parseBracketStep(path string) (step, string, error) {
	inner, rest, ok := strings.Cut(strings.TrimPrefix(path, "["), "]")
	if !ok || path[0] != '[' {
		return step{}, "", fmt.Errorf("bad path at %q", path)
	}
	if inner == "*" {
		return step{kind: stepWildcard}, rest, nil
	}
	if n := len(inner); n > 2 && inner[0] == inner[n-1] && (inner[0] == '\'' || inner[0] == '"') {
		return step{kind: stepMember, name: inner[1 : n-1]}, rest, nil
	}
	index, err := strconv.Atoi(inner)
	if err != nil || index < 0 || inner[0] == '+' {
		return step{}, "", fmt.Errorf("bad index %q in the path", inner)
	}
	return step{kind: stepIndex, index: index}, rest, nil
}

// evaluate returns the route key for a message. It returns false if the expression needs a part of
// the message and the message is not JSON. Then $default is selected (AWS Developer Guide, "Create
// routes").
func (e expression) evaluate(body []byte) (string, bool) {
	var key strings.Builder
	for _, p := range e {
		if !p.variable {
			key.WriteString(p.literal)
			continue
		}
		s := jsonscan.NewScanner(body, nil)
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

// many reports whether the path may lead to several values.
func (p part) many() bool {
	for _, s := range p.path {
		if s.kind == stepWildcard {
			return true
		}
	}
	return false
}

// write writes the values that the path led to: a list, or one value, or nothing.
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

// follow reads a value and appends the texts of the values that the path leads to. Of several
// members with the same name the last counts, as in a decoder that fills a map.
func follow(s *jsonscan.Scanner, path []step, found []string) []string {
	if len(path) == 0 {
		return append(found, stringify(s))
	}
	step, rest := path[0], path[1:]
	before := len(found)
	switch open := s.Peek(); {
	case open == '{' && step.kind != stepIndex:
		s.Open(open)
		for s.More('}') {
			switch key := s.Key(); {
			case step.kind == stepWildcard:
				found = follow(s, rest, found)
			case string(key) == step.name:
				found = follow(s, rest, found[:before])
			default:
				s.Skip()
			}
		}
	case open == '[' && step.kind != stepMember:
		s.Open(open)
		for i := 0; s.More(']'); i++ {
			if step.kind == stepWildcard || step.index == i {
				found = follow(s, rest, found)
			} else {
				s.Skip()
			}
		}
	default: // nothing that the step leads into
		s.Skip()
	}
	return found
}

// stringify reads a JSON value and returns its text: a string without quotes, an array as "[item1,
// item2]" (AWS Developer Guide), null as nothing. An object stays JSON, since AWS does not describe
// it.
func stringify(s *jsonscan.Scanner) string {
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
