package gatesock

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
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
//			switch string(s.key()) {
//			case "routeKey":
//				s.string(&r.RouteKey)
//			default:
//				s.skip()
//			}
//		}
//	}
type scanner struct {
	data  []byte
	kept  *strings.Builder // what the strings that were read are parts of
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

func newScanner(data []byte) scanner { return scanner{data: data, kept: new(strings.Builder)} }

func (e *syntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.reason, e.offset) }

func (s *scanner) fail(reason string) {
	if s.err == nil {
		s.err = &syntaxError{s.pos, reason}
	}
	s.pos = len(s.data)
}

func (s *scanner) unexpected(want string) {
	if s.pos >= len(s.data) {
		s.fail("unexpected end, want " + want)
		return
	}
	s.fail("unexpected " + strconv.QuoteRune(rune(s.data[s.pos])) + ", want " + want)
}

// peek passes over white space and gives the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
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
	if c == end && s.pos < len(s.data) {
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

// key reads the name of a member and the colon after it. What it gives is to be compared, not kept.
func (s *scanner) key() []byte {
	start, end, plain := s.skipString()
	if s.peek() != ':' {
		s.unexpected("':'")
		return nil
	}
	s.pos++
	if plain {
		return s.data[start:end]
	}
	after := s.pos
	k := s.unquote(start, end-start)
	s.pos = after
	return k
}

// name reads the name of a member as key does, to be kept.
func (s *scanner) name() string {
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
	if len(s.data)-s.pos >= len(l) && string(s.data[s.pos:s.pos+len(l)]) == l {
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
	n, err := strconv.ParseInt(string(s.data[start:s.pos]), 10, 64)
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
	return s.cut(start, s.pos)
}

// cut gives a part of the text, in memory that it shares with the strings read before.
func (s *scanner) cut(start, end int) string {
	n := s.kept.Len()
	s.kept.Write(s.data[start:end])
	return s.kept.String()[n:]
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
	if s.err == nil && (s.peek() != 0 || s.pos < len(s.data)) {
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
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		s.pos++
	}
	if s.pos == start {
		s.unexpected("a digit")
	}
}

// byte gives the next byte without passing over white space, 0 at the end.
func (s *scanner) byte() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
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
	start = s.pos + 1
	i := start
	for i+8 <= len(s.data) {
		if m := special(binary.LittleEndian.Uint64(s.data[i:])); m != 0 {
			if i += bits.TrailingZeros64(m) / 8; s.data[i] == '"' {
				s.pos = i + 1
				return start, i, true
			}
			break
		}
		i += 8
	}
	return s.skipRest(start, i)
}

// skipRest reads on from i in a string that is not a plain one or ends near the end of the text.
func (s *scanner) skipRest(start, i int) (int, int, bool) {
	for plain := true; ; {
		i = skipPlain(s.data, i)
		s.pos = i
		switch c := s.byte(); {
		case i >= len(s.data):
			s.unexpected("'\"'")
			return 0, 0, false
		case c == '"':
			s.pos++
			return start, i, plain
		case c == '\\':
			n := escapeLength(s.data[i:])
			if n == 0 {
				s.fail("invalid escape in a string")
				return 0, 0, false
			}
			plain = false
			i += n
		case c < ' ':
			s.fail("control character in a string")
			return 0, 0, false
		default:
			plain = false
			i++
		}
	}
}

// skipPlain gives the index, from i on, of the first byte that is not a plain part of a string.
func skipPlain(text []byte, i int) int {
	for ; i+8 <= len(text); i += 8 {
		if m := special(binary.LittleEndian.Uint64(text[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for i < len(text) {
		if c := text[i]; c == '"' || c == '\\' || c < ' ' || c >= utf8.RuneSelf {
			break
		}
		i++
	}
	return i
}

// special looks at eight bytes at a time for those that do not stand for themselves in a string: a quote, a
// backslash, a control character, or a byte outside ASCII. The lowest bit that is set is the high bit of
// the first of them; bits above it may be wrong.
func special(x uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote, slash := x^(ones*'"'), x^(ones*'\\')
	return ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*' ')&^x | x) & highs
}

// escapeLength gives the length of the escape at the beginning of s, 0 if it is not a valid one.
func escapeLength(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(s[2:]); ok {
			return 6
		}
	}
	return 0
}

// quoted reads a string.
func (s *scanner) quoted() string {
	start, end, plain := s.skipString()
	raw := s.data[start:end]
	if plain || bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return s.cut(start, end)
	}
	return string(s.unquote(start, end-start))
}

// bytes reads a string into memory of its own; a null gives nil.
func (s *scanner) bytes() []byte {
	if s.peek() != '"' {
		if !s.null() {
			s.unexpected("a string")
		}
		return nil
	}
	return s.unquote(s.pos+1, len(s.data)-s.pos)
}

// unquote reads a string whose contents begin at start, into memory of its own of the given capacity.
func (s *scanner) unquote(start, capacity int) []byte {
	b := make([]byte, 0, capacity)
	for s.pos = start; ; {
		i := skipPlain(s.data, s.pos)
		b = append(b, s.data[s.pos:i]...)
		s.pos = i
		switch c := s.byte(); {
		case i >= len(s.data):
			s.unexpected("'\"'")
			return nil
		case c == '"':
			s.pos++
			return b
		case c == '\\':
			var n int
			if b, n = appendUnescaped(b, s.data[i:]); n == 0 {
				s.fail("invalid escape in a string")
				return nil
			}
			s.pos += n
		case c < ' ':
			s.fail("control character in a string")
			return nil
		default:
			r, size := utf8.DecodeRune(s.data[i:])
			b = utf8.AppendRune(b, r)
			s.pos += size
		}
	}
}

// appendUnescaped appends what the escape at the beginning of raw stands for, and tells its length, 0 if it is
// not a valid one. Halves of surrogate pairs that are alone become U+FFFD, as in encoding/json.
func appendUnescaped(b, raw []byte) ([]byte, int) {
	n := escapeLength(raw)
	if n == 2 {
		return append(b, unescaped(raw[1])), n
	}
	if n == 0 {
		return b, 0
	}
	r, _ := hex4(raw[2:])
	if utf16.IsSurrogate(r) {
		if bytes.HasPrefix(raw[6:], []byte(`\u`)) {
			low, _ := hex4(raw[8:])
			if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
				return utf8.AppendRune(b, full), 12
			}
		}
		r = utf8.RuneError
	}
	return utf8.AppendRune(b, r), n
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	default:
		return c
	}
}

func hex4(s []byte) (rune, bool) {
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
