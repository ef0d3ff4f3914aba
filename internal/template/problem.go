package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatesock/gatesock/internal/oneline"
)

// Problem is a mistake in a template, or a part of it that is not supported, which did not stop the
// rest from being read.
type Problem struct {
	// Line is the line in the template, from 1; 0 if it is not known.
	Line int
	// Resource is the logical id of the resource; empty if the problem is in none.
	Resource string
	// Property is the property of the resource; empty if the problem is in none.
	Property string
	// Text says what is wrong, without the place.
	Text string
	// Minor is set if nothing works in another way because of it.
	Minor bool
	// Severe is set if a part of the template cannot work.
	Severe bool
}

// problemOf returns an error as a problem of a resource.
func problemOf(resource string, err error) Problem {
	var in *lineError
	if errors.As(err, &in) {
		return Problem{Line: in.line, Resource: resource, Text: in.text}
	}
	return Problem{Resource: resource, Text: err.Error()}
}

// SyntaxError is a text that is neither YAML nor JSON.
type SyntaxError struct {
	// Line and Column are where the mistake is, from 1. Column is that of the mistake if it is known,
	// and else that of the first character of the line. Line is 0 if the place is not known.
	Line, Column int
	// Text says what is wrong.
	Text string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Text
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Text)
}

// syntaxError returns where a text is not valid. err is that of package yaml.
func syntaxError(data []byte, err error) error {
	if isJSON(data) {
		return jsonPlace(data)
	}
	text := strings.TrimPrefix(oneline.Of(err.Error(), 300), "yaml: ")
	e := &SyntaxError{}
	if _, scanErr := fmt.Sscanf(text, "line %d:", &e.Line); scanErr == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	e.Text = "the YAML is not valid: " + text
	if line := firstBadLine(data); line > 0 {
		e.Line = line
	}
	if lines := bytes.Split(data, []byte("\n")); e.Line > 0 && e.Line <= len(lines) {
		if e.Column = columnOf(lines[e.Line-1], text); hasTab(lines[e.Line-1], e.Column) {
			e.Text = "the YAML is not valid: found a tab character; YAML is indented by spaces"
		}
	}
	return e
}

// hasTab reports whether the character in a column is a tab.
func hasTab(line []byte, column int) bool { return column <= len(line) && line[column-1] == '\t' }

// maxSearched is how many bytes are parsed to find the place of a mistake.
const maxSearched = 4_000_000

// firstBadLine returns the line after the longest part of the text that is valid YAML: package yaml
// often names the line above, or where the list began. It returns 0 if that is not found.
func firstBadLine(data []byte) int {
	budget := maxSearched
	lines := bytes.SplitAfter(data, []byte("\n"))
	valid := func(n int) bool {
		budget -= len(data)
		return yaml.Unmarshal(bytes.Join(lines[:n], nil), new(yaml.Node)) == nil
	}
	low, high := 0, len(lines)
	for high-low > 1 && budget > 0 {
		if middle := (low + high) / 2; valid(middle) {
			low = middle
		} else {
			high = middle
		}
		const ahead = 20 // lines of a value that is not valid before its end
		for n := low + 2; high-low <= 1 && budget > 0 && n <= min(low+ahead, len(lines)-1); n++ {
			if valid(n) {
				low, high = n, len(lines)
			}
		}
	}
	if budget <= 0 {
		return 0
	}
	return low + 1
}

// columnOf returns the column of the mistake in a line, or that of its first character.
func columnOf(line []byte, text string) int {
	indent := len(line) - len(bytes.TrimLeft(line, " "))
	if tab := bytes.IndexByte(line, '\t'); tab == indent || tab >= 0 && strings.Contains(text, "tab") {
		return tab + 1
	}
	if strings.Contains(text, "mapping values are not allowed") {
		if colon := bytes.LastIndex(line, []byte(": ")); colon >= 0 {
			return colon + 1
		}
	}
	return indent + 1
}

// jsonPlace returns the error in a text that is not valid JSON.
func jsonPlace(data []byte) error {
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, new(any)); !errors.As(err, &syntax) {
		return fmt.Errorf("the JSON is not valid: %w", err)
	}
	before := data[:max(syntax.Offset-1, 0)]
	return &SyntaxError{
		Line:   1 + bytes.Count(before, []byte("\n")),
		Column: len(before) - bytes.LastIndexByte(before, '\n'),
		Text:   "the JSON is not valid: " + oneline.Of(syntax.Error(), 300),
	}
}
