// Package jsonscan reads and writes JSON with few allocations. It serves the code that every
// message passes: the event's envelope, on its way into a handler and out of the emulator. Values
// with a Go type of their own go through encoding/json.
package jsonscan

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxDepth is the nesting that encoding/json accepts.
const maxDepth = 10000

// Scanner reads JSON once, from left to right, and validates all of it, including what it skips. It
// accepts what encoding/json accepts, but matches names exactly. After the first error, calls do
// nothing.
//
//	if s.Open('{') {
//		for s.More('}') {
//			switch string(s.Key()) {
//			case "routeKey":
//				s.String(&r.RouteKey)
//			default:
//				s.Skip()
//			}
//		}
//	}
type Scanner struct {
	data  []byte
	kept  *strings.Builder // holds the strings that were read
	pos   int
	depth int
	fresh bool // an object or array is open and nothing in it has been read
	err   error
}

// NewScanner returns a Scanner that reads data. The strings that it returns are parts of kept, to
// which it appends, and share no memory with data. If kept is nil, the scanner uses a buffer of its
// own.
func NewScanner(data []byte, kept *strings.Builder) Scanner {
	if kept == nil {
		kept = new(strings.Builder)
	}
	return Scanner{data: data, kept: kept}
}

// Err returns the first error, with its offset in the text.
func (s *Scanner) Err() error { return s.err }

// syntaxError is the error for text that is not JSON or does not have the requested shape.
type syntaxError struct {
	offset int
	reason string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.reason, e.offset) }

func (s *Scanner) fail(reason string) {
	if s.err == nil {
		s.err = &syntaxError{s.pos, reason}
	}
	s.pos = len(s.data)
}

func (s *Scanner) unexpected(want string) {
	if s.pos >= len(s.data) {
		s.fail("unexpected end, want " + want)
		return
	}
	s.fail("unexpected " + strconv.QuoteRune(rune(s.data[s.pos])) + ", want " + want)
}

// Peek skips white space and returns the next byte without reading it, or 0 at the end.
func (s *Scanner) Peek() byte {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		s.pos++
	}
	return 0
}

// Open reads the opening brace or bracket of an object or array. It returns false if the value is
// null.
func (s *Scanner) Open(c byte) bool {
	if s.Peek() != c {
		if s.Null() {
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

// More reports whether another member or element follows. If none does, it reads the closing brace
// or bracket.
func (s *Scanner) More(end byte) bool {
	if s.err != nil {
		return false
	}
	c := s.Peek()
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
	if s.Peek() == end {
		s.unexpected("a value")
		return false
	}
	return true
}

// Key reads the name of a member and the colon after it. The result is valid until the next call.
func (s *Scanner) Key() []byte {
	start, end, plain := s.skipString()
	if s.Peek() != ':' {
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

// Name is [Scanner.Key] with a result that stays valid.
func (s *Scanner) Name() string {
	k := s.Quoted()
	if s.Peek() != ':' {
		s.unexpected("':'")
		return ""
	}
	s.pos++
	return k
}

// Null reads a null if there is one.
func (s *Scanner) Null() bool {
	if s.Peek() == 'n' {
		s.literal("null")
		return s.err == nil
	}
	return false
}

func (s *Scanner) literal(l string) {
	if len(s.data)-s.pos >= len(l) && string(s.data[s.pos:s.pos+len(l)]) == l {
		s.pos += len(l)
		return
	}
	s.unexpected(l)
}

// String reads a string into dst. A null leaves dst unchanged.
func (s *Scanner) String(dst *string) {
	if s.Peek() == '"' {
		*dst = s.Quoted()
	} else if !s.Null() {
		s.unexpected("a string")
	}
}

// Int reads an integer into dst. A null leaves dst unchanged.
func (s *Scanner) Int(dst *int64) {
	if s.Null() || s.err != nil {
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

// Integer reads a number into dst. It drops a fraction, and accepts a number in a string. Any other
// value, such as null or a number outside int64, leaves dst unchanged.
func (s *Scanner) Integer(dst *int64) {
	var start, end int
	switch c := s.Peek(); {
	case c == '"':
		start, end, _ = s.skipString()
	case c == '-', '0' <= c && c <= '9':
		start = s.pos
		s.number()
		end = s.pos
	default:
		s.Skip()
		return
	}
	if s.err != nil {
		return
	}
	if n, err := strconv.ParseInt(string(s.data[start:end]), 10, 64); err == nil {
		*dst = n
	} else if f, err := strconv.ParseFloat(string(s.data[start:end]), 64); err == nil && math.Abs(f) <= 1<<53 {
		*dst = int64(f)
	}
}

// Text reads any value into dst: the contents of a string, or the JSON of another value. A null
// leaves dst unchanged.
func (s *Scanner) Text(dst *string) {
	if text, ok := s.Scalar(); ok {
		*dst = text
	}
}

// Bool reads a boolean into dst. A null leaves dst unchanged.
func (s *Scanner) Bool(dst *bool) {
	switch s.Peek() {
	case 't':
		s.literal("true")
		*dst = s.err == nil
	case 'f':
		s.literal("false")
		*dst = false
	case 'n':
		s.Null()
	default:
		s.unexpected("a boolean")
	}
}

// Scalar reads any value and returns the contents of a string, or the JSON of another value, and
// whether it is not null.
func (s *Scanner) Scalar() (string, bool) {
	switch s.Peek() {
	case '"':
		return s.Quoted(), s.err == nil
	case 'n':
		s.Null()
		return "", false
	default:
		raw := s.Raw()
		return raw, s.err == nil
	}
}

// StringOr reads any value. It returns the contents of a string, "" for a null, and false for any
// other value.
func (s *Scanner) StringOr() (string, bool) {
	if s.Peek() == '"' {
		return s.Quoted(), true
	}
	if s.Peek() == 'n' {
		return "", s.Null()
	}
	s.Skip()
	return "", false
}

// Raw skips a value and returns its JSON.
func (s *Scanner) Raw() string {
	s.Peek()
	start := s.pos
	s.Skip()
	if s.err != nil {
		return ""
	}
	return s.cut(start, s.pos)
}

// Part skips a value and returns its JSON, which shares memory with the text.
func (s *Scanner) Part() []byte {
	s.Peek()
	start := s.pos
	s.Skip()
	if s.err != nil {
		return nil
	}
	return s.data[start:s.pos:s.pos]
}

// cut returns a part of the text, in the memory of the strings that were read before.
func (s *Scanner) cut(start, end int) string {
	n := s.kept.Len()
	s.kept.Write(s.data[start:end])
	return s.kept.String()[n:]
}

// Skip skips a value.
func (s *Scanner) Skip() {
	switch c := s.Peek(); c {
	case '{':
		s.Open(c)
		for s.More('}') {
			s.skipString()
			if s.Peek() != ':' {
				s.unexpected("':'")
				return
			}
			s.pos++
			s.Skip()
		}
	case '[':
		s.Open(c)
		for s.More(']') {
			s.Skip()
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

// End checks that only white space is left. It returns the first error of the scanner.
func (s *Scanner) End() error {
	if s.err == nil && (s.Peek() != 0 || s.pos < len(s.data)) {
		s.unexpected("the end")
	}
	return s.err
}

func (s *Scanner) number() {
	if s.Peek() == '-' {
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

func (s *Scanner) digits() {
	start := s.pos
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		s.pos++
	}
	if s.pos == start {
		s.unexpected("a digit")
	}
}

// byte returns the next byte without skipping white space, or 0 at the end.
func (s *Scanner) byte() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}
