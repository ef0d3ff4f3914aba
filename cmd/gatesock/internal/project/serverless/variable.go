package serverless

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// part is a piece of a text: a literal, or a variable.
type part struct {
	literal  string
	variable *variable // nil for a literal
}

// variable is "${…}": the value of the first of its sources that has one.
type variable struct {
	text    string // as the file has it
	sources []source
}

// source is one of the sources of a variable: type(params):address, a literal, or another variable.
type source struct {
	kind    string // such as "self"; empty for a literal
	params  [][]part
	address []part
	literal *yaml.Node // also for a null
	nested  []part
	bare    bool // literal is a word without quotes, which newer versions refuse
}

// maxNesting is how deep variables may be in each other.
const maxNesting = 20

// parseText returns the pieces of a text. What is "${…}" to CloudFormation only, such as
// ${AWS::Region}, is literal. A mistake in a variable leaves it literal, and the error says what it
// is; the pieces are complete then, too.
func parseText(s string) ([]part, error) {
	p := variableParser{text: s}
	return p.parts(0, ""), p.err
}

// hasVariable reports whether a text may have a variable or an escape.
func hasVariable(s string) bool { return strings.Contains(s, "${") }

type variableParser struct {
	text string
	pos  int
	err  error // the first

	// failed has where variables seem to begin, so that each place is tried once.
	failed map[int]bool
}

// maxFailed is how many mistakes are looked at in one text; each may cost a scan of the rest.
const maxFailed = 100

// fail notes a mistake in a variable, and returns to its start.
func (p *variableParser) fail(start int, format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
	if p.failed == nil {
		p.failed = map[int]bool{}
	}
	p.failed[start] = true
	p.pos = start
}

// parts reads pieces up to the end of the text or one of the bytes in end, which is not consumed.
func (p *variableParser) parts(depth int, end string) []part {
	var list []part
	var b strings.Builder
	for p.pos < len(p.text) && !strings.ContainsRune(end, rune(p.text[p.pos])) {
		if p.text[p.pos] == '\\' {
			n := len(p.text[p.pos:]) - len(strings.TrimLeft(p.text[p.pos:], `\`))
			p.pos += n
			if strings.HasPrefix(p.text[p.pos:], "${") {
				b.WriteString(strings.Repeat(`\`, n/2))
				if n%2 == 1 {
					b.WriteString("${")
					p.pos += 2
				}
			} else {
				b.WriteString(strings.Repeat(`\`, n))
			}
			continue
		}
		if v := p.variable(depth); v != nil {
			if b.Len() > 0 {
				list = append(list, part{literal: b.String()})
				b.Reset()
			}
			list = append(list, part{variable: v})
			continue
		}
		b.WriteByte(p.text[p.pos])
		p.pos++
	}
	if b.Len() > 0 {
		list = append(list, part{literal: b.String()})
	}
	return list
}

// variable reads a variable at the current position, or returns nil and stays there.
func (p *variableParser) variable(depth int) *variable {
	start := p.pos
	if !strings.HasPrefix(p.text[start:], "${") || p.failed[start] || len(p.failed) > maxFailed {
		return nil
	}
	p.pos += 2
	p.blanks()
	if !p.startsSource() {
		p.pos = start
		return nil
	}
	if depth >= maxNesting {
		p.fail(start, "variables are nested more than %d times in %s", maxNesting, short(p.text))
		return nil
	}
	v, err := p.sources(depth)
	if err != nil {
		p.fail(start, "%w in %s", err, short(p.text[start:]))
		return nil
	}
	v.text = p.text[start:p.pos]
	return v
}

// startsSource reports whether a type follows, with its ":" or "(".
func (p *variableParser) startsSource() bool {
	kind := p.word()
	rest := p.text[p.pos+len(kind):]
	return kind != "" && kind[0] >= 'a' && kind[0] <= 'z' && (strings.HasPrefix(rest, "(") ||
		strings.HasPrefix(rest, ":") && !strings.HasPrefix(rest, "::"))
}

// word returns the letters, digits, dots and dashes that follow.
func (p *variableParser) word() string {
	rest := p.text[p.pos:]
	end := strings.IndexFunc(rest, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_'
	})
	if end < 0 {
		return rest
	}
	return rest[:end]
}

func (p *variableParser) blanks() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// next consumes a byte if it follows.
func (p *variableParser) next(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

var errUnclosed = errors.New("there is no closing } for a variable")

// sources reads sources up to the closing brace.
func (p *variableParser) sources(depth int) (*variable, error) {
	v := &variable{}
	for {
		p.blanks()
		s, err := p.source(depth)
		if err != nil {
			return nil, err
		}
		v.sources = append(v.sources, s)
		p.blanks()
		switch {
		case p.next('}'):
			return v, nil
		case p.next(','):
		case p.pos >= len(p.text):
			return nil, errUnclosed
		default:
			return nil, fmt.Errorf("unexpected %q", p.text[p.pos:p.pos+1])
		}
	}
}

func (p *variableParser) source(depth int) (source, error) {
	if p.pos >= len(p.text) {
		return source{}, errUnclosed
	}
	switch c := p.text[p.pos]; {
	case c == '"' || c == '\'':
		s, err := p.quoted()
		return source{literal: text(s)}, err
	case p.startsSource():
		return p.typed(depth)
	case c == '$':
		return source{nested: p.parts(depth+1, ",}")}, nil
	}
	word := strings.TrimSpace(p.until(",}"))
	if word == "" {
		return source{}, errors.New("a source is missing")
	}
	return wordSource(word), nil
}

// wordSource returns the source of a literal without quotes.
func wordSource(word string) source {
	switch word {
	case "true", "false":
		return source{literal: literal(tagBool, word)}
	case "null":
		return source{literal: null(0)}
	}
	if _, err := strconv.ParseFloat(word, 64); err == nil {
		if _, err := strconv.Atoi(word); err == nil {
			return source{literal: literal(tagInt, word)}
		}
		return source{literal: literal(tagFloat, word)}
	}
	return source{literal: text(word), bare: true}
}

// until returns the text before one of the bytes in end.
func (p *variableParser) until(end string) string {
	rest := p.text[p.pos:]
	if i := strings.IndexAny(rest, end); i >= 0 {
		rest = rest[:i]
	}
	p.pos += len(rest)
	return rest
}

// typed reads type(params):address.
func (p *variableParser) typed(depth int) (source, error) {
	s := source{kind: p.word()}
	p.pos += len(s.kind)
	if p.next('(') {
		for {
			param, err := p.value(depth, ",)}")
			if err != nil {
				return s, err
			}
			s.params = append(s.params, param)
			if p.next(')') {
				break
			}
			if !p.next(',') {
				return s, errors.New("there is no closing )")
			}
		}
		p.blanks()
	}
	if !p.next(':') {
		return s, nil
	}
	var err error
	s.address, err = p.value(depth, ",}")
	return s, err
}

// value reads a text that may be in quotes and have variables, up to one of the bytes in end.
func (p *variableParser) value(depth int, end string) ([]part, error) {
	p.blanks()
	if p.pos < len(p.text) && (p.text[p.pos] == '"' || p.text[p.pos] == '\'') {
		s, err := p.quoted()
		if err != nil {
			return nil, err
		}
		p.blanks()
		return []part{{literal: s}}, nil
	}
	list := p.parts(depth+1, end)
	if n := len(list); n > 0 && list[n-1].variable == nil {
		list[n-1].literal = strings.TrimRight(list[n-1].literal, " \t\r\n")
	}
	return list, nil
}

// quoted reads a text in quotes. In double quotes it is JSON.
func (p *variableParser) quoted() (string, error) {
	start, quote := p.pos, p.text[p.pos]
	for i := start + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '\\' && quote == '"':
			i++
		case c == quote:
			p.pos = i + 1
			if quote == '\'' {
				return p.text[start+1 : i], nil
			}
			var s string
			if json.Unmarshal([]byte(p.text[start:p.pos]), &s) != nil {
				s = p.text[start+1 : i]
			}
			return s, nil
		}
	}
	return "", errors.New("there is no closing quote")
}
