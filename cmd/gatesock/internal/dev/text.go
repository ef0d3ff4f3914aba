package dev

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// printable returns text as a terminal may show it: what it acts on is escaped, except line breaks
// and tabs.
func printable(text string) string {
	if isPlain(text) {
		return text
	}
	var b strings.Builder
	for _, c := range strings.ToValidUTF8(text, string(utf8.RuneError)) {
		if c == '\n' || c == '\t' || strconv.IsPrint(c) {
			b.WriteRune(c)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRune(c), "'"))
	}
	return b.String()
}

func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\n' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// encode returns a value as JSON. It is for values that have a JSON form.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("dev: encode: " + err.Error())
	}
	return text
}
