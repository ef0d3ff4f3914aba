// Package oneline shows text that somebody else has written, such as a client or a server, to people: on a terminal, in a log or in
// a test's failure.
package oneline

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Of returns text as one line of at most limit bytes, plus what its escapes add and the true length where it was longer. What can't be
// printed, such as a line break or what moves a terminal's cursor or turns the direction of text round, is an escape as in Go, and what
// is not UTF-8 is U+FFFD. Quotes and backslashes stay as they are.
func Of(text string, limit int) string {
	var b strings.Builder
	rest := ""
	if len(text) > limit {
		rest = fmt.Sprintf("… (%d bytes)", len(text))
		for limit > 0 && !utf8.RuneStart(text[limit]) {
			limit--
		}
		text = text[:limit]
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
