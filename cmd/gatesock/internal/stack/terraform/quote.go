package terraform

import (
	"fmt"
	"strings"
	"unicode"
)

// quote returns a string as a literal of HCL. Terraform normalizes strings (Unicode NFC) when it
// reads them; apart from that it reads the same string.
func quote(s string) string { return `"` + escape(s) + `"` }

// escape returns a string as a part of a literal in which nothing is evaluated.
func escape(s string) string {
	var text strings.Builder
	runes := []rune(s)
	for i, c := range runes {
		begins := i+1 < len(runes) && runes[i+1] == '{'
		switch {
		case (c == '$' || c == '%') && begins && i > 0 && runes[i-1] == c:
			fmt.Fprintf(&text, `\u%04x`, c) // doubled, it would be read together with the one before
		case (c == '$' || c == '%') && begins:
			text.WriteRune(c)
			text.WriteRune(c)
		case c == '"' || c == '\\':
			text.WriteByte('\\')
			text.WriteRune(c)
		case c == '\n':
			text.WriteString(`\n`)
		case unicode.IsPrint(c):
			text.WriteRune(c)
		case c <= 0xffff:
			fmt.Fprintf(&text, `\u%04x`, c)
		default:
			fmt.Fprintf(&text, `\U%08x`, c)
		}
	}
	return text.String()
}
