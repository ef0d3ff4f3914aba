package dev

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/program"
)

// trouble is why a part of the application does not run: a build that failed, for example.
type trouble struct {
	title    string    // a sentence
	problems []problem // where it is, as far as that is known
	output   string    // what else was printed
	live     bool      // what has the trouble is in place already, so that no earlier build goes on
}

// text returns everything, with paths as seen from a folder.
func (t trouble) text(folder string) string {
	lines := []string{t.title}
	for _, p := range t.problems {
		lines = append(lines, fmt.Sprintf("%s:%d: %s", shorter(folder, p.File), p.Line, p.Text))
	}
	if t.output != "" {
		lines = append(lines, t.output)
	}
	return strings.Join(lines, "\n")
}

// problem is one message of a compiler.
type problem struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Text   string `json:"text"`
	Source string `json:"source,omitempty"` // the line of the file
}

// troubleOf returns an error for the terminal and the page. Folder is where the paths in the output
// of the go command begin.
func troubleOf(err error, folder string) trouble {
	t := trouble{title: printable(err.Error())}
	var failed *program.Failure
	if !errors.As(err, &failed) {
		return t
	}
	t.problems, t.output = problemsIn(failed.Output, folder)
	return t
}

var atPlace = regexp.MustCompile(`^(?:vet: )?([^:\s][^:]*\.\w+):(\d+):(?:(\d+):)? (.*)$`)

// problemsIn returns the messages in the output of the go command, with the lines of their files,
// and what has no place. What is indented belongs to the message before.
func problemsIn(output, folder string) (all []problem, rest string) {
	var others []string
	for line := range strings.SplitSeq(output, "\n") {
		m := atPlace.FindStringSubmatch(line)
		switch {
		case m != nil:
			p := problem{File: m[1], Text: m[4]}
			p.Line, _ = strconv.Atoi(m[2])
			p.Column, _ = strconv.Atoi(m[3])
			if !filepath.IsAbs(p.File) {
				p.File = filepath.Join(folder, p.File)
			}
			p.Source = sourceLine(p.File, p.Line)
			all = append(all, p)
		case strings.HasPrefix(line, "\t") && len(all) > 0 && len(others) == 0:
			all[len(all)-1].Text += "\n" + strings.TrimSpace(line)
		case strings.HasPrefix(line, "# "), strings.TrimSpace(line) == "": // the package that follows
		default:
			others = append(others, line)
		}
	}
	return all, strings.Join(others, "\n")
}

// longestSource bounds what is shown of a line of a file, in bytes.
const longestSource = 200

// sourceLine returns a line of a file, or "".
func sourceLine(path string, line int) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(f)
	for n := 1; s.Scan(); n++ {
		if n == line {
			text := printable(strings.TrimRight(s.Text(), "\r \t"))
			return text[:min(len(text), longestSource)]
		}
	}
	return ""
}

// Trouble prints why something does not run, with the lines that are meant.
func (p *Printer) trouble(folder string, t trouble) {
	if p.o.JSON {
		r := record{Kind: failure, Text: t.title, Problems: t.problems}
		if t.output != "" {
			r.Text += "\n" + t.output
		}
		for i := range r.Problems {
			r.Problems[i].File = shorter(folder, r.Problems[i].File)
		}
		p.object(time.Time{}, r)
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s %s\n", p.clock(time.Time{}), p.style(red, "✗"), p.style(bold, t.title))
	const margin = "    "
	for _, one := range t.problems {
		place := fmt.Sprintf("%s:%d", shorter(folder, one.File), one.Line)
		if one.Column > 0 {
			place += fmt.Sprintf(":%d", one.Column)
		}
		fmt.Fprintf(&b, "\n%s%s\n", margin, p.style(cyan, place))
		for line := range strings.SplitSeq(one.Text, "\n") {
			fmt.Fprintf(&b, "%s%s\n", margin, p.style(red, line))
		}
		b.WriteString(p.excerpt(margin, one))
	}
	if len(t.problems) > 0 && t.output != "" {
		b.WriteString("\n")
	}
	for line := range strings.SplitSeq(strings.TrimSpace(t.output), "\n") {
		if line != "" {
			fmt.Fprintf(&b, "%s%s\n", margin, line)
		}
	}
	if len(t.problems) > 0 || t.output != "" {
		b.WriteString("\n")
	}
	p.print(b.String())
}

// excerpt returns the line of a file that a problem is in, with a mark below its column.
func (p *Printer) excerpt(margin string, one problem) string {
	if one.Source == "" {
		return ""
	}
	number := strconv.Itoa(one.Line)
	bar := p.style(dim, " │ ")
	text := margin + p.style(dim, number) + bar + expand(one.Source) + "\n"
	if one.Column > 0 && one.Column <= len(one.Source)+1 {
		before := expand(one.Source[:one.Column-1])
		text += margin + strings.Repeat(" ", len(number)) + bar
		text += strings.Repeat(" ", len([]rune(before))) + p.style(red, "^") + "\n"
	}
	return text
}

// expand returns a line with four spaces for each tab.
func expand(text string) string { return strings.ReplaceAll(text, "\t", "    ") }

// shorter returns a path relative to a folder, if it is in it, and otherwise as it is.
func shorter(folder, path string) string {
	if path == "" {
		return ""
	}
	if rel, err := filepath.Rel(folder, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
