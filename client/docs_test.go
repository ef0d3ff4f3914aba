package client_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// page is docs/client.md.
func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/client.md")
	require.NoError(t, err)
	return string(text)
}

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// The Go code of the page is that of examples, which are compiled and run.
func TestCodeInDocsIsTested(t *testing.T) {
	t.Parallel()
	examples, err := filepath.Glob("example*_test.go")
	require.NoError(t, err)
	var all strings.Builder
	for _, name := range examples {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		all.Write(text)
	}
	blocks := goBlock.FindAllStringSubmatch(page(t), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		require.Contains(t, all.String(), "\n"+block[1], "no example has these lines")
	}
}

// Each option has a row with its default.
func TestOptionsAreInDocs(t *testing.T) {
	t.Parallel()
	options := readOptions(t)
	require.Contains(t, options, "WithToken")
	require.Equal(t, "256", options["WithMaxQueue"])
	require.Empty(t, missing(page(t), options))
}

func TestOptionsThatAreNotInDocsAreFound(t *testing.T) {
	t.Parallel()
	const text = "| `a` | `WithA` | x | 1024 |\n| | `WithB`, `WithC` | x | 9 minutes |\n\nThe option (Go: `WithD`), default: 0.\n"
	require.Empty(t, missing(text, map[string]string{"WithA": "1,024", "WithB": "9 minutes", "WithC": "", "WithD": "0"}))
	require.Equal(t, []string{"Wit", "WithA: 1", "WithB: 8 minutes", "WithD: 1", "WithE"}, missing(text, map[string]string{
		"Wit": "", "WithA": "1", "WithB": "8 minutes", "WithC": "9 minutes", "WithD": "1", "WithE": "",
	}))
}

// missing returns the options that no row and no paragraph of a page has, with their defaults.
func missing(text string, options map[string]string) (found []string) {
	var parts []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(paragraph, "|") {
			parts = append(parts, strings.Split(paragraph, "\n")...)
			continue
		}
		parts = append(parts, strings.ReplaceAll(paragraph, "\n", " "))
	}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		value := options[name]
		has := func(part string) bool { return strings.Contains(part, "`"+name+"`") && hasDefault(part, value) }
		if !slices.ContainsFunc(parts, has) {
			found = append(found, strings.TrimSuffix(name+": "+value, ": "))
		}
	}
	return found
}

// hasDefault reports whether the last cell of a row, or a paragraph, has a default.
func hasDefault(part, value string) bool {
	want := strings.ReplaceAll(value, ",", "")
	if row, ok := strings.CutSuffix(part, " |"); ok {
		last := row[strings.LastIndex(row, "|")+1:]
		return want == "" || strings.Trim(last, "` \"") == want
	}
	return want == "" || strings.Contains(part, "efault: "+want)
}

var defaultPattern = regexp.MustCompile(`The\s+default\s+is\s+([^.;]*)[.;]`)

// readOptions returns the functions of the package that return an option, with the defaults that
// their comments have.
func readOptions(t *testing.T) map[string]string {
	t.Helper()
	options := map[string]string{}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !f.Name.IsExported() || f.Type.Results == nil {
				continue
			}
			if of, ok := f.Type.Results.List[0].Type.(*ast.Ident); ok && strings.HasSuffix(of.Name, "Option") {
				options[f.Name.Name] = defaultOf(f.Doc.Text())
			}
		}
	}
	return options
}

func defaultOf(comment string) string {
	found := defaultPattern.FindStringSubmatch(comment)
	if found == nil || strings.Contains(found[1], "[") {
		return "" // or what only a sentence can say
	}
	return strings.Trim(strings.Join(strings.Fields(found[1]), " "), `"`)
}
