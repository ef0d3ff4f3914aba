package errorcode_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/errorcode"
)

const root = "../../../../"

func TestEveryCodeOfTheProtocolIsExplained(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), root+"error.go", nil, 0)
	require.NoError(t, err)
	var declared []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Code") {
			code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			declared = append(declared, code)
		}
		return true
	})
	require.NotEmpty(t, declared)
	explained := make([]string, 0, len(declared))
	for _, e := range errorcode.All() {
		explained = append(explained, string(e.Code))
	}
	require.Equal(t, declared, explained)
}

func TestTheProtocolHasTheSameTable(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(root + "docs/protocol.md")
	require.NoError(t, err)
	text := strings.NewReplacer("; see §7.4", "", "`retryAfterMs`", "retryAfterMs").Replace(string(page))
	for _, e := range errorcode.All() {
		require.Contains(t, text, fmt.Sprintf("| `%s` | %s | %s | %d |", e.Code, e.Means, e.Retry, e.Code.HTTPStatus()))
	}
}
