package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadmeListsAllExamples holds the table to the folders, and its commands to what can be run.
func TestReadmeListsAllExamples(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	row := regexp.MustCompile("(?m)^\\| \\[(.+)\\]\\((.+)\\) \\| .+ \\| `go (run|test) \\./([a-z/]+)` \\|$")
	var listed []string
	for _, r := range row.FindAllStringSubmatch(string(text), -1) {
		require.Equal(t, r[1], r[2])
		require.Equal(t, r[1], strings.Split(r[4], "/")[0], "its own command")
		if r[3] == "run" {
			require.FileExists(t, filepath.Join(r[4], "main.go"))
		}
		listed = append(listed, r[1])
	}
	require.ElementsMatch(t, folders(t), listed)
}

// folders returns the folders with examples.
func folders(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, e := range entries {
		switch e.Name() {
		case "internal", "testdata", "dev": // dev has other languages
			continue
		}
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	require.Greater(t, len(names), 10)
	return names
}

// TestCommentsShowTheOutput requires that the comment of a program shows the output that its test
// checks.
func TestCommentsShowTheOutput(t *testing.T) {
	t.Parallel()
	shown := 0
	for _, name := range folders(t) {
		test, err := os.ReadFile(filepath.Join(name, "main_test.go"))
		if err != nil || !strings.Contains(string(test), "\t// Output:\n") {
			continue
		}
		program, err := os.ReadFile(filepath.Join(name, "main.go"))
		require.NoError(t, err, name)
		want := commentLines(string(test), "\t// Output:", "\t// ")
		require.NotEmpty(t, want, name)
		require.Equal(t, want, commentLines(string(program), "//\t$ go run ./"+name, "//\t"), name)
		shown++
	}
	require.GreaterOrEqual(t, shown, 5)
}

// commentLines returns the lines after one that is equal to head, while they have a prefix.
func commentLines(text, head, prefix string) (lines []string) {
	_, text, _ = strings.Cut(text, head+"\n")
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, prefix)
		if !ok {
			break
		}
		lines = append(lines, rest)
	}
	return lines
}
