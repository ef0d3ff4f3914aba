package cloudformation_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/cloudwatchtest"
	"github.com/gatesock/gatesock/internal/testclock"
)

// TestFaults evaluates the alarms on faults: those that never end raise an alarm in a service that
// does little, and a few among very many do not.
func TestFaults(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/observed.cloudformation.yaml")
	require.NoError(t, err)
	alarms, err := cloudwatchtest.ReadAlarms(text, map[string]string{"DailyBudget": "10"}, nil)
	require.NoError(t, err)
	for _, kind := range []struct{ alarm, of string }{ // of: what also counts that does not fail
		{"AppFunctionErrorsAlarm", "Invocations"},
		{"HandlerErrorsAlarm", "Messages"},
		{"HandlerErrorsAlarm", "ConnectionsOpened"},
		{"AppPostsFailedAlarm", "PostsDelivered"},
		{"AppFanOutUnreachedAlarm", "FanOutAudience"},
		{"AppStoreErrorsAlarm", "StoreLatency"},
	} {
		for _, c := range []struct {
			name         string
			every, times int // minutes; how often
			failed, all  float64
			want         cloudwatchtest.State
		}{
			{"one fault a day", 1, 1, 1, 1, cloudwatchtest.OK},
			{"a schedule that always fails", 5, 3, 1, 1, cloudwatchtest.InAlarm},
			{"nothing succeeds", 1, 3, 1, 0, cloudwatchtest.InAlarm},
			{"one in 500", 1, 15, 600, 300_000, cloudwatchtest.InAlarm},
			{"one in 15,000", 1, 15, 20, 300_000, cloudwatchtest.OK},
		} {
			alarm := alarms[kind.alarm]
			if c.all > 1 && alarm.Inputs["all0"].Statistic == "SampleCount" {
				continue // so many samples take long
			}
			metrics, now := new(cloudwatchtest.Metrics), testclock.Noon()
			for i := range c.times {
				at := now.Add(-time.Duration(1+i*c.every) * time.Minute)
				require.NoError(t, metrics.Put(alarm.Inputs["failed"].Metric, "Count", at, c.failed))
				for _, metric := range alarm.Metrics() {
					if metric.Name == kind.of && c.all > 0 {
						require.NoError(t, metrics.Put(metric, "Count", at, c.all))
					}
				}
			}
			state, err := metrics.Evaluate(alarm, now, cloudwatchtest.OK)
			require.NoError(t, err)
			require.Equal(t, c.want, state, "%s, %s: %s", kind.alarm, kind.of, c.name)
		}
	}
}
