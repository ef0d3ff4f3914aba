// Package steptest has what the tests of all steps of the tutorial need.
package steptest

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Output returns what a step prints, as the comment at the beginning of its main.go says. The
// README of the example must say the same. It is for tests in the folder of the step.
func Output(t *testing.T, step string) string {
	t.Helper()
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	command := "$ go run ./iot/tutorial/" + step + "\n"
	_, rest, found := strings.Cut(string(program), "//\t"+command)
	require.True(t, found, "main.go has no line %q", command)
	var out strings.Builder
	for line := range strings.Lines(rest) {
		text, ok := strings.CutPrefix(line, "//\t")
		if !ok {
			break
		}
		out.WriteString(text)
	}
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), "```\n"+command+out.String()+"```\n")
	return out.String()
}
