package main

import (
	"go/parser"
	"go/token"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// TestExamplesInDocumentation checks that the command lines in the package's documentation and in
// the help are valid.
func TestExamplesInDocumentation(t *testing.T) {
	t.Parallel()
	main, err := parser.ParseFile(token.NewFileSet(), "main.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	require.NoError(t, err)
	texts := []string{main.Doc.Text()}
	k := newParser(t.Context(), streams{out: io.Discard, err: io.Discard}, func(int) {})
	for _, command := range k.Model.Leaves(true) {
		texts = append(texts, command.Detail)
	}
	checked := 0
	for _, line := range strings.Split(strings.Join(texts, "\n"), "\n") {
		if !strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, "    ") { // only code
			continue
		}
		for _, args := range commandLines(line) {
			command, err := kong.Trace(newParser(t.Context(), streams{}, func(int) {}), args)
			require.NoError(t, err, "%q", args)
			require.NoError(t, command.Error, "%q", args)
			require.NotNil(t, command.Selected(), "%q", args)
			checked++
		}
	}
	require.Greater(t, checked, 20)
}

var argPattern = regexp.MustCompile(`(?:"[^"]*"|'[^']*'|[^\s"'])+`)

// commandLines returns the arguments of gatesock in a line for a shell.
func commandLines(line string) (all [][]string) {
	line, _, _ = strings.Cut(line, " #")
	for _, part := range strings.Split(line, "|") {
		part, _, _ = strings.Cut(part, ">")
		args := argPattern.FindAllString(part, -1)
		if len(args) == 0 || args[0] != "gatesock" {
			continue
		}
		for i, a := range args {
			args[i] = strings.NewReplacer(`"`, "", `'`, "").Replace(a)
		}
		all = append(all, args[1:])
	}
	return all
}
