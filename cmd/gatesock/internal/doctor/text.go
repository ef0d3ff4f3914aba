package doctor

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gatesock/gatesock/internal/oneline"
)

// The layout of a report.
const (
	columns = 100
	indent  = 11   // of the text of a finding
	maxLine = 4000 // bytes of a text, which may quote AWS's answers
)

// WriteText writes the report for people: the findings by part, each with its effect and what to
// do, then what was measured and what was not checked, and the counts in the last line.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "API %s, stage %s", oneline.Of(r.API, maxText), oneline.Of(r.Stage, maxText))
	if r.Region != "" {
		b.WriteString(", " + oneline.Of(r.Region, maxText))
	}
	b.WriteString("\n")
	for _, part := range parts() {
		r.writePart(&b, part)
	}
	r.writeResources(&b)
	writeList(&b, "Not checked", r.NotChecked)
	b.WriteString("\n" + r.summary() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// writePart writes the findings of a part.
func (r *Report) writePart(b *strings.Builder, part Part) {
	empty := true
	for _, f := range r.Findings {
		if f.Part != part {
			continue
		}
		if empty {
			fmt.Fprintf(b, "\n%s\n", part)
		}
		empty = false
		text := f.Problem
		if len(f.Subjects) > 0 {
			text = strings.Join(f.Subjects, ", ") + ": " + text
		}
		write(b, fmt.Sprintf("  %-*s", indent-2, f.Level), indent, text)
		if f.Effect != "" {
			write(b, strings.Repeat(" ", indent), indent, f.Effect)
		}
		write(b, strings.Repeat(" ", indent)+"Fix: ", indent+5, f.Fix)
	}
}

// writeResources writes what was examined and measured.
func (r *Report) writeResources(b *strings.Builder) {
	var lines []string
	for _, of := range []struct {
		what  string
		names []string
	}{{"function", r.Functions}, {"table", r.Tables}, {"queue", r.Queues}} {
		if len(of.names) == 1 {
			lines = append(lines, of.what+": "+of.names[0])
		} else if len(of.names) > 1 {
			lines = append(lines, of.what+"s: "+strings.Join(of.names, ", "))
		}
	}
	writeList(b, "Examined", append(lines, r.Facts...))
}

func writeList(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, line := range lines {
		write(b, "  ", 4, line)
	}
}

// write writes a text after a prefix, broken between words, with the lines after the first
// indented.
func write(b *strings.Builder, prefix string, indent int, text string) {
	b.WriteString(prefix)
	at := utf8.RuneCountInString(prefix)
	for i, word := range strings.Fields(oneline.Of(text, maxLine)) {
		width := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+width > columns:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteString(" ")
			at++
		}
		b.WriteString(word)
		at += width
	}
	b.WriteString("\n")
}

// summary returns the last line.
func (r *Report) summary() string {
	text := "Nothing is wrong."
	if len(r.Findings) > 0 {
		text = fmt.Sprintf(
			"%s, %s, %s.", count(r.Count(Error), "error"), count(r.Count(Warning), "warning"), count(r.Count(Note), "note"),
		)
	}
	unread := 0
	for _, f := range r.Findings {
		if f.Check == notChecked {
			unread += len(f.Subjects)
		}
	}
	if unread > 0 {
		text += fmt.Sprintf(" Not checked because of missing rights: %d.", unread)
	}
	if n := len(r.NotChecked); n > 0 {
		text += fmt.Sprintf(" Not checked, see above: %d.", n)
	}
	return text
}

// notChecked is the check of findings about missing rights.
const notChecked = "not-checked"

func count(n int, what string) string {
	return fmt.Sprintf("%d %s", n, cmp.Or(map[bool]string{true: what}[n == 1], what+"s"))
}
