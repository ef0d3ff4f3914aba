package apigw

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how much of what the other side says is in an error, in bytes.
const maxText = 256

// maxErrorText is the same for the text of an error of the SDK or of net/http, which quotes the other side.
const maxErrorText = 4 * maxText

// readable makes one short line of what the other side says, for an error: without what could break a log's line, or be
// taken for one of its own.
func readable(s string) string { return readableUpTo(maxText, s) }

func readableUpTo(most int, s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		if unicode.IsSpace(r) || r == utf8.RuneError || !unicode.IsPrint(r) {
			space = b.Len() > 0
			continue
		}
		if b.Len()+utf8.RuneLen(r) >= most {
			return b.String() + "…"
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// bodyText makes the same of a body, for which proxies and load balancers send text, HTML and XML. Tags are left out.
func bodyText(body []byte) string {
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return ""
	}
	if body[0] != '<' {
		return readable(string(body))
	}
	var text []byte
	for len(body) > 0 && len(text) < 4*maxText {
		before, tag, _ := bytes.Cut(body, []byte{'<'})
		text = append(append(text, before...), ' ')
		_, body, _ = bytes.Cut(tag, []byte{'>'})
	}
	return readable(string(text))
}

// printable is an error that keeps its text from breaking a log's line.
type printable struct{ error }

func (p printable) Error() string { return readableUpTo(maxErrorText, p.error.Error()) }
func (p printable) Unwrap() error { return p.error }
