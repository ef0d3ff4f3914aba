//go:build !race

// Package examples has the test of the code in the documentation.
package examples

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCodeInDocsIsTested requires that the Go code of these pages is in files of the examples,
// where it is compiled and tested. A block is a whole file or consecutive lines of one, with any
// indentation.
func TestCodeInDocsIsTested(t *testing.T) {
	t.Parallel()
	sources := goFiles(t, ".")
	for _, page := range []string{"../README.md", "../docs/recipes.md", "../docs/deploy.md", "../docs/testing.md", "iot/README.md"} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		blocks := goBlocks(string(text))
		require.NotEmpty(t, blocks, page)
		for _, block := range blocks {
			if !shown(sources, block) {
				t.Errorf("no Go file below examples/ has this code of %s:\n%s", page, block)
			}
		}
	}
}

// TestTheTutorialShowsItsSteps requires that the code in each section of the tutorial is in the
// folder of that step.
func TestTheTutorialShowsItsSteps(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("iot/README.md")
	require.NoError(t, err)
	tutorial, _, _ := strings.Cut(string(text), "\n# The whole application\n")
	sections := regexp.MustCompile(`(?m)^## \d\. `).Split(tutorial, -1)[1:]
	steps, err := filepath.Glob("iot/tutorial/step*")
	require.NoError(t, err)
	require.Len(t, sections, len(steps))
	for i, section := range sections {
		sources, blocks := goFiles(t, steps[i]+"/."), goBlocks(section)
		require.NotEmpty(t, blocks, steps[i])
		for _, block := range blocks {
			require.True(t, shown(sources, block), "%s has no such code:\n%s", steps[i], block)
		}
	}
}

func TestCodeThatDiffersIsFound(t *testing.T) {
	t.Parallel()
	sources := []string{"package a\n\nfunc a() {\n\tb(1)\n\n\tc(2)\n}\n"}
	page := "# A\n\n```go\n\tb(1)\n```\n\n```\nx\n```\n\n1. B\n\n   ```go\n   c(2)\n   }\n   ```\n"
	require.Equal(t, []string{"\tb(1)\n", "   c(2)\n   }\n"}, goBlocks(page))
	for _, block := range append(goBlocks(page), sources[0], "b(1)\n\nc(2)\n") {
		require.True(t, shown(sources, block), block)
	}
	for _, block := range []string{"b(2)\n", "b(1)\nc(2)\n", "(1)\n", "b(1)\n…\n", "c(2)\n}\n}\n", "c(2)\n\nb(1)\n"} {
		require.False(t, shown(sources, block), block)
	}
}

// shown reports whether a source has the lines of the block.
func shown(sources []string, block string) bool {
	block = unindent(block)
	for _, source := range sources {
		if strings.Contains("\n"+unindent(source), "\n"+block) {
			return true
		}
	}
	return false
}

// unindent removes the indentation of every line.
func unindent(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

// goBlocks returns the code of a page that is fenced as Go.
func goBlocks(page string) (blocks []string) {
	fenced := regexp.MustCompile("(?ms)^ *```go\n(.*?)^ *```$")
	for _, match := range fenced.FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}

// goFiles returns the content of the Go files below a folder, except those of this one.
func goFiles(t *testing.T, folder string) (sources []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || filepath.Dir(path) == folder {
			return err
		}
		source, err := os.ReadFile(path)
		sources = append(sources, string(source))
		return err
	})
	require.NoError(t, err)
	return sources
}
