package observe_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/observe"
)

// in observes an invocation that does something.
func in(do func(ctx context.Context)) handlerFunc {
	return func(ctx context.Context, _ []byte) ([]byte, error) { do(ctx); return nil, nil }
}

// What cannot be a metric is logged by its name, and is in the line nevertheless.
func TestRefusedMetrics(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 256)
	for _, c := range []struct {
		name  string
		unit  observe.Unit
		value float64
		why   string
		kept  string // the name in the line
		want  any
	}{
		{"", observe.Count, 1, "must not be empty", "", 1.0},
		{"  ", observe.Count, 1, "must not be empty", "  ", 1.0},
		{long, observe.Count, 2.5, "at most 255 characters", long[:128], 2.5},
		{"größe", observe.Count, 1, "printable ASCII", "größe", 1.0},
		{"a\nb", observe.Count, 1, "printable ASCII", "a\nb", 1.0},
		{`a"b`, observe.Count, 1, "printable ASCII", `a"b`, 1.0},
		{`a\b`, observe.Count, 1, "printable ASCII", `a\b`, 1.0},
		{"a\xffb", observe.Count, 1, "printable ASCII", "a\ufffdb", 1.0},
		{":a", observe.Count, 1, "colon", ":a", 1.0},
		{"_aws", observe.Count, 1, "a member of this name", "_aws", 1.0},
		{"Api", observe.Count, 1, "a member of this name", "Api", 1.0},
		{"requestId", observe.Count, 1, "a member of this name", "requestId", 1.0},
		{"StoreLatency", observe.Milliseconds, 1, "a member of this name", "StoreLatency", 1.0},
		{"Weight", "Kilograms", 1, "no unit like this one", "Weight", 1.0},
		{"Load", observe.Percent, math.NaN(), "no such value", "Load", "NaN"},
		{"Load", observe.Percent, math.Inf(1), "no such value", "Load", "+Inf"},
		{"Load", observe.Percent, math.Inf(-1), "no such value", "Load", "-Inf"},
		{"Load", observe.Percent, 1e300, "no such value", "Load", 1e300},
	} {
		o, lines, log := observed(t)
		h := o.Handler(in(func(ctx context.Context) {
			observe.Measure(ctx, c.name, c.unit, c.value)
			observe.Business(ctx, "OrdersPlaced", 1)
		}))
		invoke(t, h, "{}")
		invoke(t, h, "{}")
		for _, l := range lines.all(t, "OrdersPlaced") {
			require.Equal(t, []any{map[string]any{"name": c.kept, "value": c.want}}, l.members["refused"], c.name)
			require.Equal(t, 1.0, l.members["OrdersPlaced"], c.name)
			require.NotContains(t, strings.Join(l.metrics, ","), "Load")
		}
		require.Equal(t, 1, strings.Count(log.String(), "a metric was refused"), c.name)
		require.Contains(t, log.String(), c.why)
	}
}

func TestOneUnit(t *testing.T) {
	t.Parallel()
	o, lines, log := observed(t)
	invoke(t, o.Handler(in(func(ctx context.Context) {
		observe.Measure(ctx, "Size", observe.Bytes, 1)
		observe.Measure(ctx, "Size", observe.Kilobytes, 2)
		observe.Business(ctx, "Size", 3)
	})), "{}")
	l := lines.all(t, "Size")[0]
	require.Equal(t, 1.0, l.members["Size"])
	require.Equal(t, []any{
		map[string]any{"name": "Size", "value": 2.0}, map[string]any{"name": "Size", "value": 3.0},
	}, l.members["refused"])
	require.Contains(t, log.String(), "it has the unit Bytes")
}

// A name with a million values does not become a million metrics, and no value is lost.
func TestMillionNames(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 50, 80} {
		o, lines, log := observed(t, observe.WithMetricLimit(limit))
		const names = 1000
		invoke(t, o.Handler(in(func(ctx context.Context) {
			for i := range names {
				observe.Business(ctx, fmt.Sprintf("OrdersOfUser%d", i), 1)
			}
		})), "{}")
		metrics, refused := make(map[string]bool), 0
		own := make([]string, limit)
		for i := range own {
			own[i] = fmt.Sprintf("OrdersOfUser%d", i)
		}
		for _, l := range lines.all(t, own...) {
			for _, m := range l.metrics {
				if strings.HasPrefix(m, "Orders") {
					metrics[m] = true
				}
			}
			if values, ok := l.members["refused"].([]any); ok {
				refused += len(values)
				require.LessOrEqual(t, len(values), 100)
			}
		}
		require.Len(t, metrics, limit)
		require.Equal(t, names-limit, refused)
		require.Contains(t, log.String(), "WithMetricLimit")
		require.Equal(t, 20, strings.Count(log.String(), "a metric was refused"))
		require.Equal(t, 1, strings.Count(log.String(), "more names of metrics were refused"))
	}
}

// More values than a line can have are in several lines, and none is lost.
func TestManyValues(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 99, 100, 101, 250, 2345} {
		o, lines, _ := observed(t)
		invoke(t, o.Handler(in(func(ctx context.Context) {
			for i := range n {
				_, ended := observing.Begin(ctx, observing.Op{Kind: observing.Store})
				ended(observing.Result{})
				observe.Measure(ctx, "Size", observe.Bytes, float64(i))
				observe.Business(ctx, "OrdersPlaced", 1)
				observing.Posted(ctx, nil)
			}
		})), "{}")
		latencies, orders, posts, cold := 0, 0.0, 0.0, 0.0
		sizes := make(map[float64]bool)
		for _, l := range lines.all(t, "Size", "OrdersPlaced") {
			latencies += len(numbers(l.members["StoreLatency"]))
			for _, size := range numbers(l.members["Size"]) {
				sizes[size] = true
			}
			for sum, name := range map[*float64]string{&orders: "OrdersPlaced", &posts: "PostsDelivered", &cold: "ColdStarts"} {
				if v, ok := l.members[name].(float64); ok {
					*sum += v
				}
			}
		}
		require.Equal(t, n, latencies)
		require.Len(t, sizes, n)
		require.InDelta(t, n, orders, 0)
		require.InDelta(t, n, posts, 0)
		require.InDelta(t, 1, cold, 0)
	}
}

// numbers returns the values of a metric.
func numbers(v any) (list []float64) {
	switch v := v.(type) {
	case float64:
		return []float64{v}
	case []any:
		for _, n := range v {
			list = append(list, n.(float64))
		}
	}
	return list
}

// APIs and stages that someone makes up do not become metrics without a bound.
func TestMillionAPIs(t *testing.T) {
	t.Parallel()
	o, lines, log := observed(t)
	h := o.Handler(app(t))
	for i := range 500 {
		invoke(t, h, strings.NewReplacer("a1b2c3d4e5", fmt.Sprint("api", i%250), "prod", fmt.Sprint("stage", i%7)).Replace(send("ok")))
	}
	pairs := make(map[string]int)
	for _, l := range lines.all(t) {
		pairs[l.members["Api"].(string)+"/"+l.members["Stage"].(string)]++
	}
	require.Len(t, pairs, 21)
	require.Equal(t, 500-20, pairs["other/other"])
	require.Equal(t, 1, strings.Count(log.String(), "more APIs and stages"))
}

// CloudWatch would drop a metric for the value of a dimension that it refuses.
func TestOddDimensions(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":                        "unknown",
		" ":                       "unknown",
		"bücher":                  "b?cher",
		`a\"b`:                    `a"b`,
		strings.Repeat("x", 2000): strings.Repeat("x", 1024),
		`\u0000`:                  "?",
	} {
		o, lines, _ := observed(t)
		invoke(t, o.Handler(app(t)), strings.Replace(send("ok"), `"prod"`, `"`+value+`"`, 1))
		require.Equal(t, want, lines.all(t)[0].members["Stage"])
	}
}
