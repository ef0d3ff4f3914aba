package terraform

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
	"github.com/gatesock/gatesock/describe"
)

// TestStrings writes the golden files with strings that need care. The tests of module examples
// require that HashiCorp's parser reads them as they were.
func TestStrings(t *testing.T) {
	t.Parallel()
	app := &describe.App{
		Version: describe.Version, Envelope: describe.Envelope{Action: "action"},
		Routes: []describe.Route{{Key: "$default", Answer: describe.AnswerAny}},
	}
	defaults := map[string]string{}
	for i, s := range append(awkward(), mixed(40)...) {
		variable := fmt.Sprintf("S%02d", i)
		defaults[strings.ToLower(variable)] = s
		app.Needs = append(app.Needs, describe.Need{Kind: "setting", Variable: variable, Default: s, Description: s})
	}
	p, err := stack.New(app, stack.Options{Name: "strings"})
	require.NoError(t, err)
	text, err := Template(p)
	require.NoError(t, err)
	expected, err := json.MarshalIndent(defaults, "", "  ")
	require.NoError(t, err)
	for name, got := range map[string][]byte{"strings.tf": text, "strings.json": append(expected, '\n')} {
		if flag.Lookup("update").Value.String() == "true" {
			require.NoError(t, os.WriteFile("testdata/"+name, got, 0o600))
		}
		want, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "go test -update writes the golden files")
	}
}

// mixed returns strings of parts that need care, the same each time.
func mixed(n int) []string {
	parts := []string{"$", "%", "{", "}", `"`, `\`, "\n", "\r", "${", "%{", "a", " ", "u0041", "~", "é", "\u2028", "\U0001f600", "<<E"}
	random := rand.New(rand.NewPCG(16, 16))
	list := make([]string, n)
	for i := range list {
		for range 2 + random.IntN(8) {
			list[i] += parts[random.IntN(len(parts))]
		}
	}
	return list
}
