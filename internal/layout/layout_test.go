// Package layout_test holds the packages to the layout that CONTRIBUTING.md describes, and the
// linter's configuration to the folders that there are.
package layout_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	root   = "../.."
	module = "github.com/gatesock/gatesock"
)

func TestLayout(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	require.NoError(t, err)
	require.Empty(t, problems(string(text), readPackages(t)))
}

// TestLayoutProblems checks that the test finds what it is for.
func TestLayoutProblems(t *testing.T) {
	t.Parallel()
	const layout = "## Layout\n\n| packages | purpose |\n|---|---|\n| `b` | x |\n| `a`, `a2` | x |\n| `.` | x |\n\n" +
		"| `internal/` | purpose |\n|---|---|\n| `shared` | x |\n\n## API policy\n"
	for name, c := range map[string]struct {
		layout   string
		packages map[string][]string
		want     []string
	}{
		"as it should be": {layout, map[string][]string{
			".": {"internal/shared"}, "a": {".", "a2", "a/internal/x"}, "a2": nil, "b": {"a"}, "a/internal/x": {"."}, "internal/shared": nil,
		}, nil},
		"an import that points upwards": {layout, map[string][]string{
			".": nil, "a": {"b"}, "a2": nil, "b": nil, "internal/shared": nil,
		}, []string{"a imports b, which is above it"}},
		"an internal package that points upwards": {layout, map[string][]string{
			".": nil, "a": nil, "a2": nil, "b": nil, "a/internal/x": {"b"}, "internal/shared": nil,
		}, []string{"a/internal/x imports b, which is above it"}},
		"a package without a row": {layout, map[string][]string{
			".": nil, "a": nil, "a2": nil, "b": nil, "c": nil, "internal/shared": nil, "internal/other": nil,
		}, []string{"c is in no row", "internal/other is in no row"}},
		"a row without a package": {layout, map[string][]string{".": nil, "a": nil, "a2": nil}, []string{
			"b has a row and no Go files", "internal/shared has a row and no Go files",
		}},
		"a package with two rows": {strings.Replace(layout, "| `.` |", "| `b` | y |\n| `.` |", 1), map[string][]string{
			".": nil, "a": nil, "a2": nil, "b": nil, "internal/shared": nil,
		}, []string{"b is in two rows"}},
		"no table": {"## Layout\n\n## API policy\n", map[string][]string{".": nil}, []string{". is in no row"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, problems(c.layout, c.packages))
		})
	}
}

var (
	rowPattern  = regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|")
	namePattern = regexp.MustCompile("`([^`]+)`")
)

// problems compares packages, and what each of them imports, with the tables of a text.
func problems(text string, packages map[string][]string) (found []string) {
	_, text, _ = strings.Cut(text, "## Layout")
	text, _, _ = strings.Cut(text, "\n## ")
	public, private, _ := strings.Cut(text, "| `internal/` |")
	rows := map[string]int{}
	for i, row := range rowPattern.FindAllStringSubmatch(public, -1) {
		for _, name := range namePattern.FindAllStringSubmatch(row[1], -1) {
			if _, ok := rows[name[1]]; ok {
				found = append(found, name[1]+" is in two rows")
			}
			rows[name[1]] = i
		}
	}
	const lowest = 1 << 20
	for _, row := range rowPattern.FindAllStringSubmatch(private, -1) {
		for _, name := range namePattern.FindAllStringSubmatch(row[1], -1) {
			rows["internal/"+name[1]] = lowest
		}
	}
	for name := range rows {
		if _, ok := packages[name]; !ok {
			found = append(found, name+" has a row and no Go files")
		}
	}
	for name, imports := range packages {
		row, ok := rows[rowOf(name)]
		if !ok {
			found = append(found, name+" is in no row")
			continue
		}
		if row == lowest {
			continue // shared code and helpers of tests import whatever they are shared for
		}
		for _, other := range imports {
			if at, ok := rows[rowOf(other)]; ok && at < row {
				found = append(found, name+" imports "+other+", which is above it")
			}
		}
	}
	slices.Sort(found)
	return found
}

// rowOf returns the name that the tables have for a package.
func rowOf(name string) string {
	if parent, _, ok := strings.Cut(name, "/internal/"); ok {
		return parent
	}
	return name
}

// TestLinterFolders checks that the linter's rules for imports name folders that exist: a rule for
// a folder that was moved holds nothing.
func TestLinterFolders(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, ".golangci.yml"))
	require.NoError(t, err)
	folders := linterFolders(string(text))
	require.NotEmpty(t, folders)
	for _, folder := range folders {
		require.DirExists(t, filepath.Join(root, filepath.FromSlash(folder)))
	}
}

func TestLinterFoldersOfGlobs(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{".", "a/b", "c/d*", "e", "f"}, linterFolders(`
            - "!$test"
            - "!${config-path}/a/b/**"
            - "!${config-path}/c/d*/**"
          files: ["${config-path}/*.go", "!${config-path}/e/x.go", "${config-path}/f/**"]
`))
}

var globPattern = regexp.MustCompile(`"!?\$\{config-path\}/([^"]*)"`)

// linterFolders returns the folders of the globs in a configuration. One with a wildcard in its
// name is returned as it is, and does not exist: write the folders.
func linterFolders(text string) (folders []string) {
	for _, glob := range globPattern.FindAllStringSubmatch(text, -1) {
		folders = append(folders, path.Dir(glob[1]))
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// readPackages returns the packages of the module, with their imports outside tests.
func readPackages(t *testing.T) map[string][]string {
	t.Helper()
	packages := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			_, err := os.Stat(filepath.Join(file, "go.mod"))
			nested := name != "." && err == nil
			if nested || name != "." && strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		in := filepath.ToSlash(filepath.Dir(name))
		imports := packages[in]
		if !strings.HasSuffix(name, "_test.go") {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, spec := range parsed.Imports {
				of := strings.Trim(spec.Path.Value, `"`)
				if of == module {
					imports = append(imports, ".")
				} else if other, ok := strings.CutPrefix(of, module+"/"); ok {
					imports = append(imports, other)
				}
			}
		}
		packages[in] = imports
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, len(packages), 10)
	return packages
}

// TestBrowserPages checks that the browser tests open their pages by newPage of a browser.mjs,
// whose limit for a step is that of all tests. A busy machine needs more than the drivers' 30
// seconds.
func TestBrowserPages(t *testing.T) {
	t.Parallel()
	helpers := 0
	for _, pattern := range []string{"clients/js/browser/*.mjs", "emulator/workbench/browser/*.mjs", "examples/*/browser/*.mjs"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			want := 0
			if strings.Contains(string(text), "export async function newPage(") {
				require.Contains(t, string(text), "page.setDefaultTimeout(patience)", file)
				want = 1
				helpers++
			}
			require.Equal(t, want, strings.Count(string(text), ".newPage()"), "%s: call newPage of browser.mjs", file)
		}
	}
	require.Equal(t, 2, helpers, "files with newPage")
}
