package observe_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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

// The prices of us-east-1 (Amazon CloudWatch Pricing).
const (
	dollarsPerGB     = 0.50
	dollarsPerMetric = 0.30
)

// The documentation has the costs.
func TestDocumentedCosts(t *testing.T) {
	t.Parallel()
	doc := strings.Join(strings.Fields(strings.ReplaceAll(documentation(t), "\n//", " ")), " ")
	o, lines, _ := observed(t)
	h := o.Handler(quickstart())
	invoke(t, h, message) // has the cold start
	lines.Reset()
	invoke(t, h, message)
	size := lines.Len()
	require.Contains(t, doc, fmt.Sprintf("The line of a message has %d bytes", size))
	require.Contains(t, doc, fmt.Sprintf("a million messages cost $%.2f.", float64(size)*1e6/1e9*dollarsPerGB))

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
	require.Contains(t, doc, fmt.Sprintf("with 5 routes, $%.2f a month", float64(fixed+5*perRoute)*dollarsPerMetric))
}
