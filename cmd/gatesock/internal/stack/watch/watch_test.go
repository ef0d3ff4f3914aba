package watch_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/stacktest"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/watch"
)

// service draws a service of any size.
func service(t *rapid.T) *watch.Service {
	s := &watch.Service{Namespace: rapid.SampledFrom([]string{"", "gatesock", "my/app:1"}).Draw(t, "namespace")}
	yes := func(what string) bool { return rapid.Bool().Draw(t, what) }
	for i := range rapid.IntRange(1, 6).Draw(t, "functions") {
		id := fmt.Sprintf("F%d", i)
		s.Functions = append(s.Functions, watch.Function{
			ID: id, Name: strings.Repeat("f", 30) + strconv.Itoa(i), Memory: rapid.IntRange(128, 10240).Draw(t, "memory"), ARM: yes("ARM"),
			ReservedConcurrency: id + "ReservedConcurrency", IsReserved: id + "IsReserved",
			Posts: yes("posts"), Stores: yes("stores"), Sweeps: yes("sweeps"),
		})
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "tables") {
		s.Tables = append(s.Tables, strings.Repeat("T", 100)+strconv.Itoa(i))
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "queues") {
		s.Queues = append(s.Queues, watch.WorkQueue{ID: fmt.Sprintf("Q%d", i), Visibility: rapid.IntRange(6, 5400).Draw(t, "visibility")})
	}
	return s
}

// value is the value of a reference: a number for a parameter, and otherwise its ID.
func value(r watch.Ref) string {
	switch r.Kind {
	case watch.Parameter:
		return "7"
	case watch.Entry:
		return `, "` + r.ID + `"`
	default:
		return string(r.Kind) + r.ID
	}
}

// TestAnyService holds for services of any size that alarms and dashboards are within the quotas of
// CloudWatch, and that their metrics are those that AWS or package observe write.
func TestAnyService(t *testing.T) {
	t.Parallel()
	kinds := watch.Kinds()
	rapid.Check(t, func(t *rapid.T) {
		s := service(t)
		w := watch.New(s)
		known := stacktest.Known(s.Namespace)
		ids := map[string]bool{}
		for _, a := range w.Alarms {
			require.False(t, ids[a.ID], a.ID)
			ids[a.ID] = true
			require.Contains(t, kinds, a.Kind)
			requireAlarm(t, &a, known)
		}
		body := w.Body(value)
		d := stacktest.ReadDashboard(body)
		require.Empty(t, d.Problems, body)
		for _, m := range d.Metrics {
			require.NotEmpty(t, known[m.String()], m)
		}
		require.Len(t, d.Texts, 4)
		require.NotContains(t, body, "@{")
	})
}

func requireAlarm(t *rapid.T, a *watch.Alarm, known map[string]string) {
	const longest, mostMetrics = 1024, 10
	require.LessOrEqual(t, len(a.Description()), longest, a.Description())
	require.True(t, strings.HasSuffix(a.Description(), "#"+strings.ToLower(a.Kind)))
	require.True(t, strings.HasSuffix(a.ID, "Alarm"))
	_, isParameter := a.Threshold.Single()
	_, err := strconv.ParseFloat(string(a.Threshold), 64)
	require.True(t, isParameter || err == nil, a.ID)
	var metrics []string
	for i, q := range a.Queries {
		if q.Expression != "" {
			require.Equal(t, len(a.Queries)-1, i, a.ID)
			for _, id := range stacktest.IDsOf(q.Expression.Resolve(func(watch.Ref) string { return "1" })) {
				require.Contains(t, metrics, id, a.ID)
			}
			continue
		}
		m := stacktest.Metric{Namespace: q.Metric.Namespace, Name: q.Metric.Name}
		for _, d := range q.Metric.Dimensions {
			m.Dimensions = append(m.Dimensions, d.Name)
		}
		slices.Sort(m.Dimensions)
		require.NotEmpty(t, known[m.String()], "%s: %s", a.ID, m)
		metrics = append(metrics, q.ID)
	}
	require.LessOrEqual(t, len(metrics), mostMetrics, a.ID)
}

// TestManyAlarms holds that the dashboard has all alarms of a service with more than one widget can
// have.
func TestManyAlarms(t *testing.T) {
	t.Parallel()
	s := &watch.Service{}
	for i := range 45 {
		id := fmt.Sprint("F", i)
		s.Functions = append(s.Functions, watch.Function{
			ID: id, Name: id, Memory: 128, ReservedConcurrency: id + "ReservedConcurrency", IsReserved: id + "IsReserved",
		})
	}
	w := watch.New(s)
	require.Greater(t, len(w.Alarms), 100)
	d := stacktest.ReadDashboard(w.Body(value))
	require.Empty(t, d.Problems)
	require.Len(t, d.Alarms, len(w.Alarms))
}

func TestKinds(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"ClientErrorAlarm", "ExecutionErrorAlarm", "IntegrationErrorAlarm", "IntegrationLatencyAlarm", "ConnectRateAlarm",
		"MessageRateAlarm", "ConcurrencyAlarm", "FunctionErrorsAlarm", "FunctionThrottlesAlarm", "FunctionConcurrencyAlarm",
		"StreamAgeAlarm", "ReadThrottlesAlarm", "WriteThrottlesAlarm", "DeadLettersAlarm", "QueueAgeAlarm", "ConnectionsRefusedAlarm",
		"HandlerErrorsAlarm", "ConnectionsLostAlarm", "PostsFailedAlarm", "PostsThrottledAlarm", "FanOutUnreachedAlarm",
		"StoreErrorsAlarm", "LiveConnectionsAlarm", "CostAlarm",
	}, watch.Kinds())
}

// TestCost computes the cost of a day from the expression of the alarm: a million messages, a
// million connection minutes, and so on.
func TestCost(t *testing.T) {
	t.Parallel()
	s := &watch.Service{
		Namespace: "gatesock", Tables: []string{"Table"},
		Functions: []watch.Function{{ID: "App", Name: "app", Memory: 1024, ARM: true}},
	}
	a := last(watch.New(s).Alarms)
	require.Equal(t, "CostAlarm", a.ID)
	const million, seconds, milliseconds = 1e6, 60, 1000
	dollars := cost(t, a, map[string]float64{
		"messages": million, "connected": million * seconds, "duration0": million * milliseconds,
		"calls0": million, "writes0": million, "reads0": million,
	})
	require.InDelta(t, 1.00+0.25+13.3334+0.20+0.625+0.125, dollars, 0.001)
}

// cost adds the products of an expression.
func cost(t *testing.T, a watch.Alarm, values map[string]float64) float64 {
	t.Helper()
	var sum float64
	for term := range strings.SplitSeq(string(last(a.Queries).Expression), " + ") {
		price, metric, ok := strings.Cut(term, " * FILL(")
		require.True(t, ok, term)
		number, err := strconv.ParseFloat(price, 64)
		require.NoError(t, err)
		require.NotContains(t, price, "e", "metric math has no documented exponent")
		amount, ok := values[strings.TrimSuffix(metric, ", 0)")]
		require.True(t, ok, term)
		delete(values, strings.TrimSuffix(metric, ", 0)"))
		sum += number * amount
	}
	require.Empty(t, values)
	return sum
}

func last[T any](list []T) T { return list[len(list)-1] }

// TestQueueAge holds that a message that waits for its next attempt after a crash raises no alarm.
func TestQueueAge(t *testing.T) {
	t.Parallel()
	for _, visibility := range []int{180, 5400} {
		w := watch.New(&watch.Service{Queues: []watch.WorkQueue{{ID: "Q", Visibility: visibility}}})
		i := slices.IndexFunc(w.Alarms, func(a watch.Alarm) bool { return a.Kind == "QueueAgeAlarm" })
		require.Equal(t, watch.Text(strconv.Itoa(visibility+120)), w.Alarms[i].Threshold)
		require.Contains(t, w.Alarms[i].Description(), fmt.Sprintf("has waited for %d minutes", (visibility+120)/60))
	}
}

// TestCostSays holds that the alarm on the cost says what it does not count.
func TestCostSays(t *testing.T) {
	t.Parallel()
	s := &watch.Service{Tables: []string{"A", "B"}}
	for i := range 8 {
		s.Functions = append(s.Functions, watch.Function{ID: fmt.Sprint("F", i), Name: fmt.Sprint("f", i), Memory: 128})
	}
	text := last(watch.New(s).Alarms)
	require.Contains(t, text.Description(), "An alarm has ten metrics, so that 11 others are left out.")
	require.Contains(t, text.Description(), "Connection minutes are not counted")
}
