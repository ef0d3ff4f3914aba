package examples

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/observe"
)

// lineSchema returns the schema of the embedded metric format.
func lineSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../observe/testdata/emf.schema.json")
	require.NoError(t, err)
	return compile(t, text)
}

// requireLines checks lines against the schema, and returns how many there are.
func requireLines(t require.TestingT, schema *jsonschema.Schema, text string) int {
	n := 0
	for line := range strings.Lines(text) {
		require.NoError(t, validate(t, schema, []byte(line)), line)
		n++
	}
	return n
}

// The lines of the tests of package observe, which have every metric, have the format.
func TestMetricsHaveTheFormat(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../observe/testdata/lines.jsonl")
	require.NoError(t, err)
	schema := lineSchema(t)
	require.Greater(t, requireLines(t, schema, string(text)), 10)

	line, _, _ := strings.Cut(string(text), "\n")
	for _, breakIt := range []func(aws, directive map[string]any, root map[string]any){
		func(aws, _, _ map[string]any) { delete(aws, "Timestamp") },
		func(aws, _, _ map[string]any) { aws["Timestamp"] = "now" },
		func(_, d, _ map[string]any) { d["Namespace"] = "" },
		func(_, d, _ map[string]any) { d["Dimensions"] = []any{} },
		func(_, d, _ map[string]any) { d["Dimensions"] = []any{make([]string, 31)} },
		func(_, d, _ map[string]any) { d["Metrics"] = []any{map[string]any{"Name": "x", "Unit": "Kilograms"}} },
		func(_, d, _ map[string]any) {
			d["Metrics"] = []any{map[string]any{"Name": strings.Repeat("x", 256), "Unit": "Count"}}
		},
		func(_, _, root map[string]any) { root["Duration"] = make([]float64, 101) },
	} {
		var root map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &root))
		aws := root["_aws"].(map[string]any)
		breakIt(aws, aws["CloudWatchMetrics"].([]any)[0].(map[string]any), root)
		broken, err := json.Marshal(root)
		require.NoError(t, err)
		require.Error(t, validate(t, schema, broken), string(broken))
	}
}

// Whatever an application measures, the lines have the format.
func TestMeasuredLinesHaveTheFormat(t *testing.T) {
	t.Parallel()
	schema := lineSchema(t)
	units := []observe.Unit{observe.Count, observe.BytesPerSecond, observe.TerabitsPerSecond, observe.NoUnit, "Kilograms", ""}
	rapid.Check(t, func(t *rapid.T) {
		var lines bytes.Buffer
		r := gatesock.New()
		gatesock.HandleReply(r, "buy", func(ctx context.Context, _ *gatesock.Request, _ struct{}) (int, error) {
			for range rapid.IntRange(0, 250).Draw(t, "n") {
				name := fmt.Sprint("Metric", rapid.IntRange(0, 60).Draw(t, "i"))
				if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
					name = rapid.String().Draw(t, "name")
				}
				value := rapid.Float64().Draw(t, "value")
				if rapid.IntRange(0, 9).Draw(t, "special") == 0 {
					value = math.NaN()
				}
				if rapid.Bool().Draw(t, "count") {
					observe.Business(ctx, name, value)
				} else {
					observe.Measure(ctx, name, rapid.SampledFrom(units).Draw(t, "unit"), value)
				}
			}
			return 1, nil
		})
		o := observe.New(observe.WithOutput(&lines), observe.WithLogger(slog.New(slog.DiscardHandler)))
		_, err := o.Handler(r).Invoke(context.Background(), []byte(
			`{"requestContext":{"eventType":"MESSAGE","routeKey":"buy","connectionId":"x","apiId":"a","stage":"s"},"body":"{}"}`))
		require.NoError(t, err)
		require.Positive(t, requireLines(t, schema, lines.String()))
	})
}
