// Package oneline shortens text from outside, such as a client or a server, for people to read: on
// a terminal, in a log, in an error or in a test's failure. No function of it cuts inside a
// character.
package oneline

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Of returns text as one line of at most limit bytes, plus the bytes that its escapes add, plus the
// true length if it was cut. Characters that cannot be printed, such as line breaks and those that
// move a terminal's cursor or reverse the direction of text, are escaped as in Go. Bytes that are
// not UTF-8 become U+FFFD. Quotes and backslashes stay.
func Of(text string, limit int) string {
	var b strings.Builder
	rest := ""
	if len(text) > limit {
		rest = fmt.Sprintf("… (%d bytes)", len(text))
		text = Cut(text, limit)
	}
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
	}
	return b.String() + rest
}

// Quote returns text as a Go string literal, for a name in a message. A text of more than limit
// bytes is cut, and the literal then ends in "…".
func Quote(text string, limit int) string {
	if len(text) > limit {
		text = Cut(text, limit) + "…"
	}
	return strconv.Quote(text)
}

// Cut returns the beginning of text, at most limit bytes long. It cuts no character in two.
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit
	for end > 0 && end > limit-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
