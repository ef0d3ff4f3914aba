package scaffold

import (
	"go/format"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestProjects(t *testing.T) {
	t.Parallel()
	folders, err := embedded.ReadDir("_projects")
	require.NoError(t, err)
	var names []string
	for _, folder := range folders {
		names = append(names, folder.Name())
	}
	require.ElementsMatch(t, append(Projects(), "common"), names)
}

func TestFiles(t *testing.T) {
	t.Parallel()
	for _, project := range Projects() {
		t.Run(project, func(t *testing.T) {
			t.Parallel()
			rendered, err := files(project, marks{"my-app", "example.com/my-app", "v1.2.3"})
			require.NoError(t, err)
			for name, text := range rendered {
				require.NotContains(t, text, "{{", name)
				require.True(t, strings.HasSuffix(text, "\n") && !strings.HasSuffix(text, "\n\n"), "%s ends wrongly", name)
				require.NotContains(t, strings.ToLower(name), "license", "the license is up to the author")
				if path.Ext(name) == ".go" {
					formatted, err := format.Source([]byte(text))
					require.NoError(t, err)
					require.Equal(t, string(formatted), text, name)
				}
			}
			require.Contains(t, rendered["README.md"], "# my-app\n")
			require.Contains(t, rendered["Makefile"], "NAME      := my-app\n")
			require.Contains(t, rendered["go.mod"], "module example.com/my-app\n")

			var workflow struct {
				On   map[string]any `yaml:"on"`
				Jobs map[string]struct {
					Steps []map[string]any `yaml:"steps"`
				} `yaml:"jobs"`
			}
			require.NoError(t, yaml.Unmarshal([]byte(rendered[".github/workflows/ci.yml"]), &workflow))
			require.Contains(t, workflow.On, "pull_request")
			require.NotEmpty(t, workflow.Jobs["test"].Steps)
		})
	}
}

// The README of a project names each of its files.
func TestReadmeNamesFiles(t *testing.T) {
	t.Parallel()
	for _, project := range Projects() {
		entries, err := embedded.ReadDir(path.Join("_projects", project))
		require.NoError(t, err)
		readme, err := embedded.ReadFile(path.Join("_projects", project, "README.md"))
		require.NoError(t, err)
		for _, entry := range entries {
			if entry.Name() != "README.md" {
				require.Contains(t, string(readme), "`"+entry.Name()+"`", project)
			}
		}
	}
}

// The new module needs the Go version that the library needs.
func TestGoVersion(t *testing.T) {
	t.Parallel()
	goLine := func(mod string) string {
		for line := range strings.Lines(mod) {
			if strings.HasPrefix(line, "go ") {
				return line
			}
		}
		return ""
	}
	library, err := os.ReadFile("../../../../go.mod")
	require.NoError(t, err)
	rendered, err := files("blank", marks{"x", "example.com/x", "v1.2.3"})
	require.NoError(t, err)
	require.NotEmpty(t, goLine(string(library)))
	require.Equal(t, goLine(string(library)), goLine(rendered["go.mod"]))
}
