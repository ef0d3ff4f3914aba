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

// The marks of the facts: what a behaviour rests on.
const (
	documented = "D"
	observed   = "O"
	inferred   = "I"
	unknown    = "U"
)

// which says over which fronts a case runs.
type which string

const (
	bothFronts  which = "both"
	socketsOnly which = "sockets"
)

// conformanceCase is one behaviour of the gateway.
type conformanceCase struct {
	section   string // of the facts
	mark      string
	behaviour string
	fronts    which // bothFronts if empty
	config    Config
	respond   handlerFunc
	check     func(w *world)
}

// conformanceTable is every case, by section.
func conformanceTable() []conformanceCase {
	var table []conformanceCase
	for _, cases := range [][]conformanceCase{
		eventCases(), idCases(), connectCases(), signedConnectCases(), authorizerCases(), selectionCases(), routingCases(), answerCases(),
		managementCases(), signedCallCases(), limitCases(), disconnectCases(), keepaliveCases(), protocolCases(),
	} {
		table = append(table, cases...)
	}
	return table
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, c := range conformanceTable() {
		t.Run(c.section+" "+c.behaviour, func(t *testing.T) {
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

// TestConformanceList holds testdata/conformance.md to the table.
func TestConformanceList(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# Conformance cases\n\nWritten by `go test ./emulator -run TestConformanceList -update`. " +
		"Sections and marks are those of [docs/gateway-facts.md](../../docs/gateway-facts.md): D documented, O observed by others on AWS, I inferred, " +
		"U unknown (our choice, an option where it matters).\n")
	section := ""
	for _, c := range conformanceTable() {
		if c.section != section {
			section = c.section
			fmt.Fprintf(&b, "\n## %s\n\n| mark | behaviour | fronts |\n|---|---|---|\n", linked(section))
		}
		fronts := c.fronts
		if fronts == "" {
			fronts = bothFronts
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.mark, strings.ReplaceAll(c.behaviour, "|", `\|`), fronts)
	}
	b.WriteString("\n## Not imitated\n\n| section | mark | on AWS | why not here |\n|---|---|---|---|\n")
	for _, d := range notImitated() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", linked(d.section), d.mark, d.behaviour, d.reason)
	}
	golden(t, "testdata/conformance.md", b.String())
}

// linked makes a section of the facts a link to them.
func linked(section string) string {
	if !strings.HasPrefix(section, "§") {
		return section
	}
	return "[" + section + "](../../docs/gateway-facts.md)"
}

// difference is a behaviour of AWS that the gateway does not have.
type difference struct{ section, mark, behaviour, reason string }

func notImitated() []difference {
	return []difference{
		{"§3", observed, "permessage-deflate is negotiated", "frames stay readable on the wire"},
		{"§4", documented, "resource policies, and conditions in the policies of users", "New takes no resource policy, and refuses a condition rather than to let somebody in or out by guess"},
		{"§5", documented, "JSONPath filters, slices and recursive descent in the selection expression", "New refuses them rather than to guess what they select"},
		{"§8", documented, "an internal error of the service closes with 1011", "what would be one is not known"},
		{"§8", documented, "the account's 500 new connections and 10,000 requests a second", "they are the account's, not the API's: Config.Rate is off by default"},
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(got), 0o600))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run the test with -update if this is meant")
}

// routes makes one-way routes, and two-way ones of the keys that end in "!".
func routes(keys ...string) []gatesock.Route {
	table := make([]gatesock.Route, 0, len(keys))
	for _, k := range keys {
		key, twoWay := strings.CutSuffix(k, "!")
		table = append(table, gatesock.Route{Key: key, NeedsResponse: twoWay})
	}
	return table
}
