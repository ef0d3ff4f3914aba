package jsonscan

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// skipString reads a string without decoding it. It returns where the contents begin and end, and
// whether they are plain: without escapes and bytes outside ASCII.
func (s *Scanner) skipString() (start, end int, plain bool) {
	if s.Peek() != '"' {
		s.unexpected("a string")
		return 0, 0, false
	}
	// Most strings are plain; they are read here, without another call.
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

// skipRest continues at i in a string that is not plain or ends near the end of the text.
func (s *Scanner) skipRest(start, i int) (int, int, bool) {
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

// skipPlain returns the index, from i on, of the first byte that is not a plain part of a string.
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

// special finds bytes that are not plain in a word of eight: quotes, backslashes, control
// characters and bytes outside ASCII. The lowest bit set is the high bit of the first such byte.
// Bits above it may be wrong.
func special(x uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote, slash := x^(ones*'"'), x^(ones*'\\')
	return ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*' ')&^x | x) & highs
}

// escapeLength returns the length of the escape at the beginning of s, 0 if it is not a valid one.
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

// Quoted reads a string.
func (s *Scanner) Quoted() string {
	start, end, plain := s.skipString()
	raw := s.data[start:end]
	if plain || bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return s.cut(start, end)
	}
	return string(s.unquote(start, end-start))
}

// Bytes reads a string and returns it in new memory. It returns nil for a null.
func (s *Scanner) Bytes() []byte {
	if s.Peek() != '"' {
		if !s.Null() {
			s.unexpected("a string")
		}
		return nil
	}
	return s.unquote(s.pos+1, len(s.data)-s.pos)
}

// unquote decodes the string whose contents begin at start into new memory of the given capacity.
func (s *Scanner) unquote(start, capacity int) []byte {
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

// appendUnescaped appends the decoded escape at the beginning of raw. It returns the length of the
// escape, or 0 if the escape is not valid. Unpaired surrogates become U+FFFD, as in encoding/json.
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
