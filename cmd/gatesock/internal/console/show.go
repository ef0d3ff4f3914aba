package console

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gatesock/gatesock/internal/oneline"
)

// Styles of a terminal.
const (
	bold    = "1"
	dim     = "2"
	red     = "31"
	green   = "32"
	yellow  = "33"
	blue    = "34"
	magenta = "35"
	cyan    = "36"
)

// styled returns text in a style, if there is color.
func styled(color bool, style, text string) string {
	if !color || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// shownFrame returns a message for a person: JSON with colors and, if it is pretty, in several
// lines; nothing in it moves the cursor.
func shownFrame(f frame, pretty, color bool) string {
	switch {
	case f.binary:
		return styled(color, dim, fmt.Sprintf("binary, %d bytes: ", len(f.data))) +
			base64.StdEncoding.EncodeToString(f.data)
	case len(f.data) == 0:
		return styled(color, dim, "(empty)")
	case !json.Valid(f.data):
		return printable(string(f.data))
	}
	var form bytes.Buffer
	if pretty {
		_ = json.Indent(&form, bytes.TrimSpace(f.data), "", "  ") // it is valid
	} else {
		_ = json.Compact(&form, f.data)
		if !bytes.ContainsAny(f.data, "\r\n") {
			form.Reset()
			form.Write(f.data)
		}
	}
	lines := strings.Split(form.String(), "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return paintJSON(strings.Join(lines, "\n"), color)
}

// printable returns a text in one line, without what a terminal acts on.
func printable(text string) string { return oneline.Of(text, len(text)) }

// rawLine returns a message as one line for a program. Line breaks in JSON are blanks, as they mean
// the same; those of other texts are escaped. Binary messages are in base64.
func rawLine(f frame) []byte {
	switch {
	case f.binary:
		return []byte("base64:" + base64.StdEncoding.EncodeToString(f.data))
	case !bytes.ContainsAny(f.data, "\r\n"):
		return f.data
	case json.Valid(f.data):
		return []byte(strings.NewReplacer("\r", " ", "\n", " ").Replace(string(f.data)))
	}
	return []byte(strings.NewReplacer("\r", `\r`, "\n", `\n`).Replace(string(f.data)))
}

// paintJSON colors the tokens of JSON. It takes JSON that is not complete too, and leaves other
// text as it is.
func paintJSON(text string, color bool) string {
	if begin := strings.TrimLeft(text, " \n"); !color || begin == "" || !strings.ContainsRune("{[\"", rune(begin[0])) {
		return text
	}
	var b strings.Builder
	for rest := text; rest != ""; {
		n, style := token(rest)
		b.WriteString(styled(style != "", style, rest[:n]))
		rest = rest[n:]
	}
	return b.String()
}

// token returns the length and the style of what JSON begins with.
func token(text string) (n int, style string) {
	switch c := text[0]; {
	case c == '"':
		n = stringEnd(text)
		if after := strings.TrimLeft(text[n:], " \n"); strings.HasPrefix(after, ":") {
			return n, cyan
		}
		return n, green
	case c == '-' || c >= '0' && c <= '9':
		return spanOf(text, "+-.eE0123456789"), yellow
	case c >= 'a' && c <= 'z':
		return spanOf(text, "abcdefghijklmnopqrstuvwxyz"), magenta
	case strings.IndexByte("{}[],:", c) >= 0:
		return spanOf(text, "{}[],:"), dim
	}
	if next := strings.IndexAny(text[1:], "\"{}[],:-0123456789abcdefghijklmnopqrstuvwxyz"); next >= 0 {
		return next + 1, ""
	}
	return len(text), ""
}

// stringEnd returns the end of the JSON string that a text begins with: that of the text if it has
// no other.
func stringEnd(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

func spanOf(text, characters string) int {
	n := 1
	for n < len(text) && strings.IndexByte(characters, text[n]) >= 0 {
		n++
	}
	return n
}
