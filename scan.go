package gatesock

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is the nesting that encoding/json accepts.
const maxDepth = 10000

// scanner reads JSON once from left to right, and checks all of it, also what it passes over. It accepts what
// encoding/json accepts, but matches names exactly, which the gateway's events allow. The first error
// sticks: later calls do nothing.
//
//	if s.open('{') {
//		for s.more('}') {
//			switch s.key() {
//			case "routeKey":
//				s.string(&r.RouteKey)
//			default:
//				s.skip()
//			}
//		}
//	}
type scanner struct {
	text  string
	pos   int
	depth int
	fresh bool // an object or array was opened and nothing in it was read yet
	err   error
}

// syntaxError is where and why a text is not JSON, or not of the shape that was asked for.
type syntaxError struct {
	offset int
	reason string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.reason, e.offset) }

func (s *scanner) fail(reason string) {
	if s.err == nil {
		s.err = &syntaxError{s.pos, reason}
	}
	s.pos = len(s.text)
}

func (s *scanner) unexpected(want string) {
	if s.pos >= len(s.text) {
		s.fail("unexpected end, want " + want)
		return
	}
	s.fail("unexpected " + strconv.QuoteRune(rune(s.text[s.pos])) + ", want " + want)
}

// peek passes over white space and gives the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		if c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		s.pos++
	}
	return 0
}

// open reads the beginning of an object or array; it is false if a null stands in its place.
func (s *scanner) open(c byte) bool {
	if s.peek() != c {
		if s.null() {
			return false
		}
		s.unexpected(strconv.QuoteRune(rune(c)))
		return false
	}
	s.pos++
	s.depth++
	if s.depth > maxDepth {
		s.fail("nesting too deep")
		return false
	}
	s.fresh = true
	return true
}

// more tells whether another member or element follows, and reads the end if none does.
func (s *scanner) more(end byte) bool {
	if s.err != nil {
		return false
	}
	c := s.peek()
	if c == end && s.pos < len(s.text) {
		s.pos++
		s.depth--
		s.fresh = false
		return false
	}
	if s.fresh {
		s.fresh = false
		return true
	}
	if c != ',' {
		s.unexpected("',' or " + strconv.QuoteRune(rune(end)))
		return false
	}
	s.pos++
	if s.peek() == end {
		s.unexpected("a value")
		return false
	}
	return true
}

// key reads the name of a member and the colon after it.
func (s *scanner) key() string {
	k := s.quoted()
	if s.peek() != ':' {
		s.unexpected("':'")
		return ""
	}
	s.pos++
	return k
}

// null reads a null if there is one.
func (s *scanner) null() bool {
	if s.peek() == 'n' {
		s.literal("null")
		return s.err == nil
	}
	return false
}

func (s *scanner) literal(l string) {
	if strings.HasPrefix(s.text[s.pos:], l) {
		s.pos += len(l)
		return
	}
	s.unexpected(l)
}

// string reads a string into dst; a null leaves dst as it is.
func (s *scanner) string(dst *string) {
	if s.peek() == '"' {
		*dst = s.quoted()
	} else if !s.null() {
		s.unexpected("a string")
	}
}

// int reads an integer into dst; a null leaves dst as it is.
func (s *scanner) int(dst *int64) {
	if s.null() || s.err != nil {
		return
	}
	start := s.pos
	s.number()
	if s.err != nil {
		return
	}
	n, err := strconv.ParseInt(s.text[start:s.pos], 10, 64)
	if err != nil {
		s.pos = start
		s.fail("number is not a 64-bit integer")
		return
	}
	*dst = n
}

// bool reads a boolean into dst; a null leaves dst as it is.
func (s *scanner) bool(dst *bool) {
	switch s.peek() {
	case 't':
		s.literal("true")
		*dst = s.err == nil
	case 'f':
		s.literal("false")
		*dst = false
	case 'n':
		s.null()
	default:
		s.unexpected("a boolean")
	}
}

// scalar reads any value into its text: a string's contents, or the JSON of anything else. A null gives false.
func (s *scanner) scalar() (string, bool) {
	switch s.peek() {
	case '"':
		return s.quoted(), s.err == nil
	case 'n':
		s.null()
		return "", false
	default:
		raw := s.raw()
		return raw, s.err == nil
	}
}

// stringOr reads any value; it gives a string's contents, empty for a null, and is false for anything else.
func (s *scanner) stringOr() (string, bool) {
	if s.peek() == '"' {
		return s.quoted(), true
	}
	if s.peek() == 'n' {
		return "", s.null()
	}
	s.skip()
	return "", false
}

// raw passes over a value and gives its JSON.
func (s *scanner) raw() string {
	s.peek()
	start := s.pos
	s.skip()
	if s.err != nil {
		return ""
	}
	return s.text[start:s.pos]
}

// skip passes over a value.
func (s *scanner) skip() {
	switch c := s.peek(); c {
	case '{':
		s.open(c)
		for s.more('}') {
			s.skipString()
			if s.peek() != ':' {
				s.unexpected("':'")
				return
			}
			s.pos++
			s.skip()
		}
	case '[':
		s.open(c)
		for s.more(']') {
			s.skip()
		}
	case '"':
		s.skipString()
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
	}
}

// end checks that nothing but white space is left.
func (s *scanner) end() {
	if s.err == nil && (s.peek() != 0 || s.pos < len(s.text)) {
		s.unexpected("the end")
	}
}

func (s *scanner) number() {
	if s.peek() == '-' {
		s.pos++
	}
	switch c := s.byte(); {
	case c == '0':
		s.pos++
	case '1' <= c && c <= '9':
		s.digits()
	default:
		s.unexpected("a value")
		return
	}
	if s.byte() == '.' {
		s.pos++
		s.digits()
	}
	if c := s.byte(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.byte(); c == '+' || c == '-' {
			s.pos++
		}
		s.digits()
	}
}

func (s *scanner) digits() {
	start := s.pos
	for s.pos < len(s.text) && '0' <= s.text[s.pos] && s.text[s.pos] <= '9' {
		s.pos++
	}
	if s.pos == start {
		s.unexpected("a digit")
	}
}

// byte gives the next byte without passing over white space, 0 at the end.
func (s *scanner) byte() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// skipString reads a string without decoding it, and tells where its contents are and whether they stand for
// themselves, that is, without escapes and bytes outside ASCII.
func (s *scanner) skipString() (start, end int, plain bool) {
	if s.peek() != '"' {
		s.unexpected("a string")
		return 0, 0, false
	}
	s.pos++
	start, plain = s.pos, true
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case c == '"':
			s.pos++
			return start, s.pos - 1, plain
		case c == '\\':
			plain = false
			if !s.skipEscape() {
				return 0, 0, false
			}
		case c < ' ':
			s.fail("control character in a string")
			return 0, 0, false
		default:
			plain = plain && c < utf8.RuneSelf
			s.pos++
		}
	}
	s.unexpected("'\"'")
	return 0, 0, false
}

func (s *scanner) skipEscape() bool {
	s.pos++
	switch s.byte() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return true
	case 'u':
		if _, ok := hex4(s.text[s.pos+1:]); ok {
			s.pos += 5
			return true
		}
	}
	s.fail("invalid escape in a string")
	return false
}

// quoted reads a string.
func (s *scanner) quoted() string {
	start, end, plain := s.skipString()
	raw := s.text[start:end]
	if plain || !strings.Contains(raw, `\`) && utf8.ValidString(raw) {
		return raw
	}
	return string(unescape(make([]byte, 0, len(raw)), raw))
}

// bytes reads a string into memory of its own; a null gives nil.
func (s *scanner) bytes() []byte {
	if s.peek() != '"' {
		if !s.null() {
			s.unexpected("a string")
		}
		return nil
	}
	start, end, plain := s.skipString()
	raw := s.text[start:end]
	if plain {
		return []byte(raw)
	}
	return unescape(make([]byte, 0, len(raw)), raw)
}

// unescape appends what the checked contents of a JSON string stand for.
func unescape(b []byte, raw string) []byte {
	for i := 0; i < len(raw); {
		c := raw[i]
		switch {
		case c == '\\':
			var n int
			b, n = appendUnescaped(b, raw[i:])
			i += n
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, size := utf8.DecodeRuneInString(raw[i:])
			b = utf8.AppendRune(b, r)
			i += size
		}
	}
	return b
}

// appendUnescaped appends what the escape at the beginning of raw stands for, and tells its length.
func appendUnescaped(b []byte, raw string) ([]byte, int) {
	switch c := raw[1]; c {
	case 'b':
		return append(b, '\b'), 2
	case 'f':
		return append(b, '\f'), 2
	case 'n':
		return append(b, '\n'), 2
	case 'r':
		return append(b, '\r'), 2
	case 't':
		return append(b, '\t'), 2
	case 'u':
		r, _ := hex4(raw[2:])
		if !utf16.IsSurrogate(r) {
			return utf8.AppendRune(b, r), 6
		}
		if strings.HasPrefix(raw[6:], `\u`) {
			low, _ := hex4(raw[8:])
			if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
				return utf8.AppendRune(b, full), 12
			}
		}
		return utf8.AppendRune(b, utf8.RuneError), 6
	default:
		return append(b, c), 2
	}
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	for i := range 4 {
		c := s[i]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
