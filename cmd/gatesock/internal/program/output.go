package program

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// lastLine keeps the last line that is written to it, other than empty ones.
type lastLine struct {
	line    []byte
	ended   bool // the next byte begins a new line
	tooLong bool // the line is longer than a document may be
}

// Write never fails, so that a program can print as much as it likes before its description.
func (l *lastLine) Write(data []byte) (int, error) {
	written := len(data)
	for len(data) > 0 {
		part, rest, ends := bytes.Cut(data, []byte{'\n'})
		l.add(part)
		l.ended = l.ended || ends
		data = rest
	}
	return written, nil
}

func (l *lastLine) add(part []byte) {
	if len(bytes.TrimSpace(part)) == 0 && (l.ended || len(l.line) == 0) {
		return
	}
	if l.ended {
		l.line, l.ended, l.tooLong = l.line[:0], false, false
	}
	if len(l.line)+len(part) > maxDocument {
		l.tooLong = true
		return
	}
	l.line = append(l.line, part...)
}

func (l *lastLine) text() []byte { return bytes.TrimSpace(l.line) }

// excerpt keeps the beginning and the end of what is written to it.
type excerpt struct {
	half       int
	begin, end []byte
	omitted    int
}

func newExcerpt(limit int) *excerpt { return &excerpt{half: limit / 2} }

// Write never fails.
func (e *excerpt) Write(data []byte) (int, error) {
	written := len(data)
	if space := min(e.half-len(e.begin), len(data)); space > 0 {
		e.begin = append(e.begin, data[:space]...)
		data = data[space:]
	}
	e.end = append(e.end, data...)
	if over := len(e.end) - e.half; over > 0 {
		e.omitted += over
		e.end = append(e.end[:0], e.end[over:]...)
	}
	return written, nil
}

// String returns what was kept as lines for a terminal, without empty lines at the end.
func (e *excerpt) String() string {
	begin, end := string(e.begin), string(e.end)
	if e.omitted > 0 {
		if cut := strings.LastIndexByte(begin, '\n') + 1; cut > 0 {
			e.omitted += len(begin) - cut
			begin = begin[:cut]
		}
		if _, whole, ok := strings.Cut(end, "\n"); ok {
			e.omitted += len(end) - len(whole)
			end = whole
		}
		begin += fmt.Sprintf("… (%d bytes)\n", e.omitted)
	}
	return strings.TrimRight(printable(begin+end), "\n")
}

// printable escapes what a terminal acts on, except line breaks and tabs.
func printable(text string) string {
	var b strings.Builder
	for _, c := range strings.ToValidUTF8(strings.ReplaceAll(text, "\r\n", "\n"), string(utf8.RuneError)) {
		if c == '\n' || c == '\t' || strconv.IsPrint(c) {
			b.WriteRune(c)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRune(c), "'"))
	}
	return b.String()
}

// oneLine returns text with its line breaks as spaces.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
