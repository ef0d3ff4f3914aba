package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// passage is prose that is read as a whole: a comment, a string or a paragraph. Its lines are
// joined by spaces, so that a rule finds words that a line break separates.
type passage struct {
	text   string
	starts []int // where in text each line begins
	line   int   // of the first of them, in the file
}

func (p *passage) add(text string) {
	if len(p.starts) > 0 {
		p.text += " "
	}
	p.starts = append(p.starts, len(p.text))
	p.text += strings.TrimSpace(text)
}

// lineAt returns the line in the file of an offset in the text.
func (p *passage) lineAt(offset int) int {
	i, exact := slices.BinarySearch(p.starts, offset)
	if !exact {
		i--
	}
	return p.line + i
}

// finding is what is wrong in a line.
type finding struct {
	line int
	text string
}

// check returns the findings in a file, in the order of the lines.
func check(passages []passage, limits limits, src string) (found []finding) {
	for _, r := range rules() {
		for _, p := range passages {
			for _, at := range r.pattern.FindAllStringIndex(p.text, -1) {
				if r.excepts(p.text, at[0]) {
					continue
				}
				words := strings.TrimSpace(p.text[at[0]:at[1]])
				found = append(found, finding{p.lineAt(at[0]), fmt.Sprintf("%q: %s", words, r.advice)})
			}
		}
	}
	for i, line := range strings.Split(src, "\n") {
		if width, limit := limits(line); limit > 0 && width > limit {
			found = append(found, finding{i + 1, fmt.Sprintf("%d columns, at most %d", width, limit)})
		}
	}
	slices.SortStableFunc(found, func(a, b finding) int { return a.line - b.line })
	return found
}

// limits returns how long a line is, and how long it may be: 0 is any length.
type limits func(line string) (width, limit int)

const (
	proseColumns = 100
	codeColumns  = 120
)

var (
	goComment = regexp.MustCompile(`^\s*//`)
	tsComment = regexp.MustCompile(`^\s*(//|/\*|\*)`)
	literal   = regexp.MustCompile(`"(\\.|[^"\\])*"|` + "`[^`]*`")
	link      = regexp.MustCompile(`https?://`)
)

func lengthLimits(path string) limits {
	switch filepath.Ext(path) {
	case ".go":
		return codeLimits(goComment)
	case ".ts":
		return codeLimits(tsComment)
	case ".md":
		fenced := false
		return func(line string) (width, limit int) {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
			}
			text := strings.TrimSpace(line)
			if fenced || strings.HasPrefix(text, "|") || link.MatchString(line) || !strings.Contains(text, " ") {
				return 0, 0 // a table's row, a link and a single word can't be wrapped
			}
			return utf8.RuneCountInString(line), proseColumns
		}
	default:
		return func(string) (width, limit int) { return 0, 0 }
	}
}

// codeLimits are those of a language, in which comment matches the lines of comments.
func codeLimits(comment *regexp.Regexp) limits {
	return func(line string) (width, limit int) {
		switch {
		case link.MatchString(line) || strings.HasPrefix(line, "//go:"):
			return 0, 0
		case comment.MatchString(line):
			return utf8.RuneCountInString(line), proseColumns
		}
		// A text is in one piece, so that grep finds it.
		return utf8.RuneCountInString(literal.ReplaceAllString(line, `""`)), codeColumns
	}
}

// splitter returns the function that takes the passages from a file, or nil for a file without
// prose.
func splitter(path string) func(path, src string) ([]passage, error) {
	switch filepath.Ext(path) {
	case ".go":
		return splitGo
	case ".md", ".html":
		return splitText
	case ".js", ".mjs", ".css":
		return func(_, src string) ([]passage, error) { return splitComments("//", src), nil }
	case ".ts":
		return splitTypeScript
	case ".yml", ".yaml", ".sh", "":
		return func(_, src string) ([]passage, error) { return splitComments("#", src), nil }
	default:
		return nil
	}
}

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func splitGo(path, src string) (all []passage, err error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	if generated.MatchString(src) {
		return nil, nil
	}
	for _, group := range file.Comments {
		var p passage
		p.line = fset.Position(group.Pos()).Line
		for _, c := range group.List {
			for line := range strings.SplitSeq(strings.Trim(c.Text, "/*"), "\n") {
				if strings.HasPrefix(line, "\t") || strings.HasPrefix(c.Text, "//go:") {
					line = "" // code in a doc comment, or a directive
				}
				p.add(line)
			}
		}
		all = append(all, p)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil {
			return true
		}
		p := passage{line: fset.Position(lit.Pos()).Line}
		if strings.HasPrefix(lit.Value, `"`) {
			text = strings.ReplaceAll(text, "\n", " ") // one line of the file
		}
		for line := range strings.SplitSeq(text, "\n") {
			p.add(line)
		}
		all = append(all, p)
		return true
	})
	return all, nil
}

// splitText splits a document at its empty lines, without fenced code and code in a line.
func splitText(_, src string) (all []passage, err error) {
	var p passage
	fenced := false
	for i, line := range strings.Split(src, "\n") {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if fence {
			fenced = !fenced
		}
		if fence || fenced || strings.TrimSpace(line) == "" {
			all, p = append(all, p), passage{}
			continue
		}
		if len(p.starts) == 0 {
			p.line = i + 1
		}
		p.add(inlineCode.ReplaceAllString(line, "``"))
	}
	return append(all, p), nil
}

var inlineCode = regexp.MustCompile("`[^`]*`")

// splitComments takes the comments that begin with mark and have a line, or the rest of one, each.
func splitComments(mark, src string) (all []passage) {
	var p passage
	for i, line := range strings.Split(src, "\n") {
		_, comment, ok := strings.Cut(line, mark+" ")
		if !ok {
			all, p = append(all, p), passage{}
			continue
		}
		if len(p.starts) == 0 {
			p.line = i + 1
		}
		p.add(comment)
	}
	return append(all, p)
}

// splitTypeScript takes the comments of both kinds, and the strings that begin and end in one line.
func splitTypeScript(_, src string) (all []passage, err error) {
	var p passage
	end := func() {
		if len(p.starts) > 0 {
			all, p = append(all, p), passage{}
		}
	}
	block := false
	for i, line := range strings.Split(src, "\n") {
		text := strings.TrimSpace(line)
		comment := block || tsComment.MatchString(line)
		if !comment {
			end()
			for _, s := range literal.FindAllString(line, -1) {
				all = append(all, passage{text: strings.Trim(s, "\"`"), starts: []int{0}, line: i + 1})
			}
			if _, text, comment = strings.Cut(line, " // "); !comment {
				continue
			}
		}
		if strings.HasPrefix(text, "/*") {
			end()
			block = true
		}
		if block && strings.Contains(text, "*/") {
			block = false
		}
		if text = strings.Trim(text, "/* "); text == "" {
			end()
			continue
		}
		if len(p.starts) == 0 {
			p.line = i + 1
		}
		p.add(inlineCode.ReplaceAllString(text, "``"))
		if !block && !strings.HasPrefix(strings.TrimSpace(line), "//") {
			end()
		}
	}
	end()
	return all, nil
}
