// Package jsontext reads and writes JSON text where each allocation counts: the envelope of an event on the way into
// a handler and out of the emulator. What has a type of its own goes through encoding/json.
package jsontext

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxDepth is the nesting that encoding/json accepts.
const maxDepth = 10000

// Scanner reads JSON once from left to right, and checks all of it, also what it passes over. It accepts what
// encoding/json accepts, but matches names exactly, which the gateway's events allow. The first error
// sticks: later calls do nothing.
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
	kept  *strings.Builder // what the strings that were read are parts of
	pos   int
	depth int
	fresh bool // an object or array was opened and nothing in it was read yet
	err   error
}

// NewScanner returns a Scanner of data. The strings that it reads are parts of what it appends to kept, and share no
// memory with data; a nil kept is a buffer of the scanner's own.
func NewScanner(data []byte, kept *strings.Builder) Scanner {
	if kept == nil {
		kept = new(strings.Builder)
	}
	return Scanner{data: data, kept: kept}
}

// Err returns the first error, with its place in the text.
func (s *Scanner) Err() error { return s.err }

// syntaxError is where and why a text is not JSON, or not of the shape that was asked for.
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

// Peek passes over white space and returns the next byte, 0 at the end.
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

// Open reads the beginning of an object or array; it is false if a null stands in its place.
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

// More tells whether another member or element follows, and reads the end if none does.
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

// Key reads the name of a member and the colon after it. What it returns is to be compared, not kept.
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

// Name reads the name of a member as key does, to be kept.
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

// String reads a string into dst; a null leaves dst as it is.
func (s *Scanner) String(dst *string) {
	if s.Peek() == '"' {
		*dst = s.Quoted()
	} else if !s.Null() {
		s.unexpected("a string")
	}
}

// Int reads an integer into dst; a null leaves dst as it is.
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

// Integer reads a whole number into dst, also one that is written with a fraction, which is dropped, or in a string.
// Any other value, such as a null or a number that no int64 is near, leaves dst as it is.
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

// Text reads any value but a null into dst: a string's contents, or the JSON of another value.
func (s *Scanner) Text(dst *string) {
	if text, ok := s.Scalar(); ok {
		*dst = text
	}
}

// Bool reads a boolean into dst; a null leaves dst as it is.
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

// Scalar reads any value into its text: a string's contents, or the JSON of anything else. It is false for a null.
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

// StringOr reads any value; it returns a string's contents, empty for a null, and is false for anything else.
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

// Raw passes over a value and returns its JSON.
func (s *Scanner) Raw() string {
	s.Peek()
	start := s.pos
	s.Skip()
	if s.err != nil {
		return ""
	}
	return s.cut(start, s.pos)
}

// cut returns a part of the text, in memory that it shares with the strings read before.
func (s *Scanner) cut(start, end int) string {
	n := s.kept.Len()
	s.kept.Write(s.data[start:end])
	return s.kept.String()[n:]
}

// Skip passes over a value.
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

// End checks that nothing but white space is left, and returns the first error of all.
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

// byte returns the next byte without passing over white space, 0 at the end.
func (s *Scanner) byte() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}
