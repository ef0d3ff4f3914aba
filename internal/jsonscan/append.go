package jsonscan

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// AppendString appends s to b as a JSON string. Invalid UTF-8 becomes U+FFFD, as in encoding/json.
// It escapes only what JSON requires.
func AppendString[S string | []byte](b []byte, s S) []byte {
	b = append(b, '"')
	return append(appendEscaped(b, []byte(s)), '"')
}

func appendEscaped(b, s []byte) []byte {
	start := 0
	for i := skipPlain(s, 0); i < len(s); i = skipPlain(s, i) {
		if s[i] < utf8.RuneSelf {
			b = append(b, s[start:i]...)
			b = appendEscape(b, s[i])
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(append(b, s[start:i]...), `\ufffd`...)
			start = i + 1
		}
		i += size
	}
	return append(b, s[start:]...)
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	default:
		return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
	}
}
