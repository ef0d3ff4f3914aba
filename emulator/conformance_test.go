package emulator

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// update makes the tests write their golden files.
//
//nolint:gochecknoglobals // a flag must be known before the tests run
var update = flag.Bool("update", false, "write testdata anew")

// The marks of the cases: the source of a behavior.
const (
	documented = "D"
	observed   = "O"
	inferred   = "I"
	unknown    = "U"
)

// which selects the fronts of a case.
type which string

const (
	bothFronts  which = "both"
	socketsOnly which = "sockets"
)

// conformanceCase is one behavior of the gateway.
type conformanceCase struct {
	section  string // of docs/gateway-facts.md
	mark     string
	behavior string
	fronts   which // default: bothFronts
	config   Config
	respond  handlerFunc
	check    func(w *world)
}

// conformanceTable returns all cases, by section.
func conformanceTable() []conformanceCase {
	var table []conformanceCase
	for _, cases := range [][]conformanceCase{
		eventCases(), idCases(), connectCases(), deflateCases(),
		signedConnectCases(), authorizerCases(), selectionCases(), routingCases(),
		answerCases(), mockCases(), httpCases(),
		managementCases(), signedCallCases(), limitCases(), routeThrottleCases(),
		disconnectCases(), keepaliveCases(), protocolCases(), faultCases(),
	} {
		table = append(table, cases...)
	}
	return table
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, c := range conformanceTable() {
		t.Run(c.section+" "+c.behavior, func(t *testing.T) {
			t.Parallel()
			if c.fronts != socketsOnly {
				t.Run("in memory", func(t *testing.T) {
					t.Parallel()
					c.check(newWorld(t, inMemory{}, c.config, c.respond))
				})
			}
			t.Run("sockets", func(t *testing.T) {
				t.Parallel()
				c.check(newWorld(t, newSockets(), c.config, c.respond))
			})
		})
	}
}

// TestConformanceList compares testdata/conformance.md with the table.
func TestConformanceList(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# Conformance cases\n\nWritten by `go test ./emulator -run TestConformanceList -update`. " +
		"Sections and marks are those of [docs/gateway-facts.md](../../docs/gateway-facts.md): D documented, O " +
		"observed by others on AWS, I inferred, " +
		"U unknown (our choice, an option where it matters).\n")
	section := ""
	for _, c := range conformanceTable() {
		if c.section != section {
			section = c.section
			fmt.Fprintf(&b, "\n## %s\n\n| mark | behavior | fronts |\n|---|---|---|\n", linked(section))
		}
		fronts := c.fronts
		if fronts == "" {
			fronts = bothFronts
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.mark, strings.ReplaceAll(c.behavior, "|", `\|`), fronts)
	}
	b.WriteString("\n## Not supported\n\n| section | mark | on AWS | why not here |\n|---|---|---|---|\n")
	for _, d := range notSupported() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", linked(d.section), d.mark, d.behavior, d.reason)
	}
	golden(t, "testdata/conformance.md", b.String())
}

// linked returns a link to a section of docs/gateway-facts.md.
func linked(section string) string {
	if !strings.HasPrefix(section, "§") {
		return section
	}
	return "[" + section + "](../../docs/gateway-facts.md)"
}

// difference is a behavior of AWS that the emulator does not have.
type difference struct{ section, mark, behavior, reason string }

func notSupported() []difference {
	return []difference{
		{
			"§4", documented, "resource policies, and conditions in the policies of users",
			"New has no resource policies, and rejects conditions instead of guessing",
		},
		{
			"§5", documented, "JSONPath filters, slices and recursive descent in the selection expression",
			"New rejects them instead of guessing what they select",
		},
		{"§8", documented, "an internal error of the service closes with 1011", "what causes one is not known"},
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(got), 0o600))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run the test with -update if the change is intended")
}

// routes returns routes with these keys. A key that ends in "!" needs a route response.
func routes(keys ...string) []gatesock.Route {
	table := make([]gatesock.Route, 0, len(keys))
	for _, k := range keys {
		key, twoWay := strings.CutSuffix(k, "!")
		table = append(table, gatesock.Route{Key: key, NeedsResponse: twoWay})
	}
	return table
}
