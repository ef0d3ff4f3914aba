package cloudwatchtest

import (
	"fmt"
	"strings"
	"unicode"
)

// tokenKind is a kind of tokens of a query.
type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenNumber
	tokenDuration
	tokenText
	tokenRegexp
	tokenSign
)

// token is a token of a query. The text of a name, a text or an expression has no quotes.
type token struct {
	kind   tokenKind
	text   string
	quoted bool // a name in backticks, which cannot be a keyword
	line   int
}

// lex returns the tokens of a query, of which the last is a tokenEnd.
func lex(query string) (list []token, err error) {
	l := &lexer{rest: query, line: 1}
	for {
		t, err := l.next(list)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", l.line, err)
		}
		list = append(list, t)
		if t.kind == tokenEnd {
			return list, nil
		}
	}
}

type lexer struct {
	rest string
	line int
}

// next returns the next token. A slash begins a regular expression after "like" and "=~", where no
// operand can be before it.
func (l *lexer) next(before []token) (token, error) {
	l.skip()
	if l.rest == "" {
		return token{kind: tokenEnd, line: l.line}, nil
	}
	c := rune(l.rest[0])
	switch {
	case c == '"' || c == '\'':
		text, err := l.quoted(byte(c))
		return token{kind: tokenText, text: text, line: l.line}, err
	case c == '`':
		text, err := l.quoted('`')
		if err == nil && text == "" {
			err = fmt.Errorf("an empty name")
		}
		return token{kind: tokenName, text: text, quoted: true, line: l.line}, err
	case c == '/' && len(before) > 0 && beforeRegexp(before[len(before)-1]):
		text, err := l.quoted('/')
		return token{kind: tokenRegexp, text: text, line: l.line}, err
	case c >= '0' && c <= '9':
		text := l.while(func(r rune) bool { return unicode.IsDigit(r) || r == '.' })
		unit := l.while(func(r rune) bool { return r >= 'a' && r <= 'z' })
		if unit != "" {
			return token{kind: tokenDuration, text: text + unit, line: l.line}, nil
		}
		return token{kind: tokenNumber, text: text, line: l.line}, nil
	case c == '@' || c == '_' || unicode.IsLetter(c) && c < unicode.MaxASCII:
		text := l.while(func(r rune) bool {
			return r == '@' || r == '_' || r == '.' || r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r))
		})
		return token{kind: tokenName, text: text, line: l.line}, nil
	}
	for _, sign := range []string{"<=", ">=", "!=", "=~", "=", "<", ">", "+", "-", "*", "/", "(", ")", "[", "]", ",", "|"} {
		if strings.HasPrefix(l.rest, sign) {
			l.rest = l.rest[len(sign):]
			return token{kind: tokenSign, text: sign, line: l.line}, nil
		}
	}
	return token{}, fmt.Errorf("%.20q is not understood", l.rest)
}

func beforeRegexp(t token) bool {
	return t.is("like") || t.kind == tokenSign && t.text == "=~"
}

// skip skips spaces, and comments from # to the end of a line.
func (l *lexer) skip() {
	for l.rest != "" {
		switch l.rest[0] {
		case '\n':
			l.line++
			l.rest = l.rest[1:]
		case ' ', '\t', '\r':
			l.rest = l.rest[1:]
		case '#':
			_, after, found := strings.Cut(l.rest, "\n")
			if l.rest = ""; found {
				l.rest = "\n" + after
			}
		default:
			return
		}
	}
}

// while takes characters as long as a condition holds.
func (l *lexer) while(holds func(rune) bool) string {
	end := strings.IndexFunc(l.rest, func(r rune) bool { return !holds(r) })
	if end < 0 {
		end = len(l.rest)
	}
	text := l.rest[:end]
	l.rest = l.rest[end:]
	return text
}

// quoted takes what is between two quotes. A backslash keeps a quote from ending it, and is kept
// itself in a regular expression.
func (l *lexer) quoted(quote byte) (string, error) {
	var b strings.Builder
	for i := 1; i < len(l.rest); i++ {
		switch c := l.rest[i]; {
		case c == quote:
			l.rest = l.rest[i+1:]
			return b.String(), nil
		case c == '\n':
			return "", fmt.Errorf("a %c has no end", quote)
		case c == '\\' && i+1 < len(l.rest) && l.rest[i+1] == quote:
			i++
			b.WriteByte(quote)
		case c == '\\' && quote == '/' && i+1 < len(l.rest):
			i++
			b.WriteByte(c)
			b.WriteByte(l.rest[i])
		case c == '\\':
			return "", fmt.Errorf("a backslash in a text is not understood here")
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("a %c has no end", quote)
}

// is reports whether a token is a keyword or the name of a function, which may be in capitals.
func (t token) is(word string) bool {
	return t.kind == tokenName && !t.quoted && strings.EqualFold(t.text, word)
}

// sign reports whether a token is a sign.
func (t token) sign(text string) bool { return t.kind == tokenSign && t.text == text }
