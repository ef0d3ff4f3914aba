package observe_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/cost"
	"github.com/gatesock/gatesock/observe"
)

// documentation returns the package's documentation as plain text.
func documentation(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	return string(text)
}

// The documentation has every metric.
func TestDocumentedMetrics(t *testing.T) {
	t.Parallel()
	doc := documentation(t)
	for _, m := range observe.Metrics() {
		require.Contains(t, doc, fmt.Sprintf("//\t%-19s %-13s %s\n", m.Name, m.Unit, m.Description))
	}
}

// The documentation has the costs, and gatesock cost counts them.
func TestDocumentedCosts(t *testing.T) {
	t.Parallel()
	prices, ok := cost.Known("us-east-1")
	require.True(t, ok)
	dollars := func(item cost.Item, quantity float64) string {
		return fmt.Sprintf("$%.2f", prices.Items[item].Of(quantity))
	}
	doc := strings.Join(strings.Fields(strings.ReplaceAll(documentation(t), "\n//", " ")), " ")
	o, lines, _ := observed(t)
	h := o.Handler(quickstart())
	invoke(t, h, message) // has the cold start
	lines.Reset()
	invoke(t, h, message)
	size := lines.Len()
	require.Contains(t, doc, fmt.Sprintf("The line of a message has %d bytes", size))
	require.Contains(t, doc, "a million messages cost "+dollars(cost.Logs, float64(size)*1e6)+".")
	require.InEpsilon(t, size, cost.ObserveBytes, 0.15)

	values := map[string]int{"Code": 13, "CloseCode": 10} // with "other"
	fixed, perRoute := 0, 0
	for _, m := range observe.Metrics() {
		switch last := m.Dimensions[len(m.Dimensions)-1]; last {
		case "Route":
			perRoute++
		case "Code", "CloseCode":
			fixed += values[last]
		default:
			fixed++
		}
	}
	require.Contains(t, doc, fmt.Sprintf("at most %d metrics, %d more for each of its routes", fixed, perRoute))
	require.Contains(t, doc, "with 5 routes, "+dollars(cost.Metrics, float64(fixed+5*perRoute))+" a month")
	require.InDelta(t, fixed-len(topicCounters())+8*perRoute, cost.Default().Metrics, 0, "gatesock cost has eight routes and no topics")
}
