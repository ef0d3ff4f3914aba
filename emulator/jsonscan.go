package emulator

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonScanner walks JSON that is known to be valid (see [encoding/json.Valid]), without building anything.
type jsonScanner struct {
	data []byte
	pos  int
}

// next skips white space and gives the byte that follows without consuming it; 0 at the end.
func (s *jsonScanner) next() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// value consumes a value and gives its text.
func (s *jsonScanner) value() []byte {
	c := s.next()
	start := s.pos
	switch c {
	case '"':
		s.skipString()
	case '{', '[':
		s.skipNested()
	default:
		s.skipWord()
	}
	return s.data[start:s.pos]
}

func (s *jsonScanner) skipString() {
	for s.pos++; s.pos < len(s.data); s.pos++ {
		switch s.data[s.pos] {
		case '\\':
			s.pos++
		case '"':
			s.pos++
			return
		}
	}
}

func (s *jsonScanner) skipNested() {
	for depth := 0; s.pos < len(s.data); {
		switch s.data[s.pos] {
		case '"':
			s.skipString()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.pos++
		if depth == 0 {
			return
		}
	}
}

func (s *jsonScanner) skipWord() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			return
		}
		s.pos++
	}
}

// members calls f with the raw key, quotes included, and the value of each member of the object that data is,
// until f gives false. It calls nothing if data is another kind of value.
func members(data []byte, f func(key, value []byte) bool) {
	s := jsonScanner{data: data}
	if s.next() != '{' {
		return
	}
	s.pos++
	for s.next() == '"' {
		key := s.value()
		s.next() // the colon
		s.pos++
		if !f(key, s.value()) {
			return
		}
		if s.next() == ',' {
			s.pos++
		}
	}
}

// elements calls f with each element of the array that data is, until f gives false.
func elements(data []byte, f func(value []byte) bool) {
	s := jsonScanner{data: data}
	if s.next() != '[' {
		return
	}
	s.pos++
	for c := s.next(); c != ']' && c != 0; c = s.next() {
		if !f(s.value()) {
			return
		}
		if s.next() == ',' {
			s.pos++
		}
	}
}

// member gives the value of the object's last member with that key, as decoders that keep a map do; nil without
// one.
func member(data []byte, key string) []byte {
	var found []byte
	members(data, func(k, v []byte) bool {
		if keyIs(k, key) {
			found = v
		}
		return true
	})
	return found
}

// keyIs compares a JSON string with plain text.
func keyIs(raw []byte, key string) bool {
	inner := raw[1 : len(raw)-1]
	if string(inner) == key {
		return true
	}
	return hasEscape(inner) && string(appendUnquoted(nil, raw)) == key
}

func hasEscape(b []byte) bool {
	for _, c := range b {
		if c == '\\' {
			return true
		}
	}
	return false
}

// appendUnquoted appends what the JSON string raw stands for.
func appendUnquoted(b, raw []byte) []byte {
	raw = raw[1 : len(raw)-1]
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			b = append(b, raw[i])
			continue
		}
		i++
		switch raw[i] {
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r, size := unquoteRune(raw[i+1:])
			b = utf8.AppendRune(b, r)
			i += size
		default:
			b = append(b, raw[i])
		}
	}
	return b
}

// unquoteRune decodes what follows a \u, and a second \u escape if the two are a surrogate pair. It gives how many
// bytes it took.
func unquoteRune(raw []byte) (rune, int) {
	r := hexRune(raw)
	if !utf16.IsSurrogate(r) {
		return r, 4
	}
	if len(raw) >= 10 && raw[4] == '\\' && raw[5] == 'u' {
		if pair := utf16.DecodeRune(r, hexRune(raw[6:])); pair != utf8.RuneError {
			return pair, 10
		}
	}
	return utf8.RuneError, 4
}

func hexRune(raw []byte) rune {
	n, err := strconv.ParseUint(string(raw[:4]), 16, 32)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
