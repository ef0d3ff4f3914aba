package cloudwatchtest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/cloudwatchtest"
)

// templateOf returns a template with one alarm, with a parameter and a resource for it to name.
func templateOf(properties string) string {
	return `
Parameters:
  Limit: {Type: Number, Default: "5"}
  Notify: {Type: String, Default: ""}
Conditions:
  Notifies: !Not [!Equals [!Ref Notify, ""]]
Resources:
  Api: {Type: "AWS::ApiGatewayV2::Api"}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
` + strings.ReplaceAll(strings.Trim(properties, "\n"), "\t", "  ")
}

const simple = `
      AlarmDescription: !Sub "errors of ${Api}"
      AlarmActions: !If [Notifies, [!Ref Notify], !Ref "AWS::NoValue"]
      Namespace: app
      MetricName: Errors
      Dimensions: [{Name: Api, Value: !Ref Api}]
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 3
      DatapointsToAlarm: 2
      Threshold: !Ref Limit
      ComparisonOperator: GreaterThanThreshold
`

func readAlarm(t *testing.T, properties string) cloudwatchtest.Alarm {
	t.Helper()
	alarms, err := cloudwatchtest.ReadAlarms([]byte(templateOf(properties)), nil, map[string]string{"Api": "a1"})
	require.NoError(t, err)
	require.Len(t, alarms, 1)
	return alarms["Alarm"]
}

// minutes puts values of Errors into minutes that have passed, the last one into the latest. A
// negative number leaves a minute out.
func minutes(t *testing.T, name string, values ...float64) (m *cloudwatchtest.Metrics, now time.Time) {
	t.Helper()
	m, now = new(cloudwatchtest.Metrics), at.Truncate(time.Minute)
	addMinutes(t, m, now, name, values...)
	return m, now
}

func addMinutes(t *testing.T, m *cloudwatchtest.Metrics, now time.Time, name string, values ...float64) {
	t.Helper()
	metric := cloudwatchtest.Metric{Namespace: "app", Name: name, Dimensions: map[string]string{"Api": "a1"}}
	for i, v := range values {
		if v >= 0 {
			ago := time.Duration(len(values)-i) * time.Minute
			require.NoError(t, m.Put(metric, "Count", now.Add(-ago).Add(time.Second), v))
		}
	}
}

func TestAlarm(t *testing.T) {
	t.Parallel()
	a := readAlarm(t, simple)
	require.Equal(t, "errors of Api", a.Description)
	require.Equal(t, []cloudwatchtest.Metric{{Namespace: "app", Name: "Errors", Dimensions: map[string]string{"Api": "a1"}}},
		a.Metrics())
	const none = -1
	for name, c := range map[string]struct {
		missing string
		values  []float64
		before  cloudwatchtest.State
		want    cloudwatchtest.State
	}{
		"within":                        {"", []float64{5, 5, 5}, "", cloudwatchtest.OK},
		"one of three":                  {"", []float64{6, 1, 1}, "", cloudwatchtest.OK},
		"two of three":                  {"", []float64{6, 1, 6}, "", cloudwatchtest.InAlarm},
		"two, one of them long ago":     {"", []float64{6, 1, 1, 6}, "", cloudwatchtest.OK},
		"nothing":                       {"", nil, "", cloudwatchtest.InsufficientData},
		"nothing for long":              {"missing", []float64{6, 6, none, none, none}, "", cloudwatchtest.InsufficientData},
		"one, and nothing for long":     {"missing", []float64{1, none, none}, "", cloudwatchtest.OK},
		"nothing, which is well":        {"notBreaching", nil, "", cloudwatchtest.OK},
		"nothing, which is bad":         {"breaching", nil, "", cloudwatchtest.InAlarm},
		"one, and nothing that is bad":  {"breaching", []float64{1, none, none}, "", cloudwatchtest.InAlarm},
		"one, and nothing that is well": {"notBreaching", []float64{6, none, none}, "", cloudwatchtest.OK},
		"two, and nothing that is well": {"notBreaching", []float64{6, none, 6}, "", cloudwatchtest.InAlarm},
		"nothing that is ignored":       {"ignore", nil, cloudwatchtest.InAlarm, cloudwatchtest.InAlarm},
		"one, and nothing ignored":      {"ignore", []float64{6, none, 1}, cloudwatchtest.InAlarm, cloudwatchtest.InAlarm},
		"enough in spite of nothing":    {"ignore", []float64{6, none, 6}, cloudwatchtest.OK, cloudwatchtest.InAlarm},
		"too little in any case":        {"ignore", []float64{1, none, 1}, cloudwatchtest.InAlarm, cloudwatchtest.OK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := simple
			if c.missing != "" {
				text += "      TreatMissingData: " + c.missing + "\n"
			}
			m, now := minutes(t, "Errors", c.values...)
			got, err := m.Evaluate(readAlarm(t, text), now.Add(59*time.Second), c.before)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// Values of another unit than that of the alarm do not count.
func TestAlarmWithAUnit(t *testing.T) {
	t.Parallel()
	m, now := minutes(t, "Errors", 6, 6, 6)
	for unit, want := range map[string]cloudwatchtest.State{
		"Count": cloudwatchtest.InAlarm, "Bytes": cloudwatchtest.InsufficientData,
	} {
		got, err := m.Evaluate(readAlarm(t, simple+"      Unit: "+unit+"\n"), now, "")
		require.NoError(t, err)
		require.Equal(t, want, got, unit)
	}
}

func TestComparisons(t *testing.T) {
	t.Parallel()
	for operator, want := range map[string][3]bool{ // for 4, 5, 6 and the threshold 5
		"GreaterThanThreshold":          {false, false, true},
		"GreaterThanOrEqualToThreshold": {false, true, true},
		"LessThanThreshold":             {true, false, false},
		"LessThanOrEqualToThreshold":    {true, true, false},
	} {
		a := readAlarm(t, strings.ReplaceAll(simple, "GreaterThanThreshold", operator))
		for i, value := range []float64{4, 5, 6} {
			m, now := minutes(t, "Errors", value, value, value)
			state, err := m.Evaluate(a, now, "")
			require.NoError(t, err)
			require.Equal(t, want[i], state == cloudwatchtest.InAlarm, "%s %v", operator, value)
		}
	}
}

// ratio returns an alarm on an expression of the metrics Errors, e, and Messages, m.
func ratio(expression string) string {
	var b strings.Builder
	b.WriteString("      Metrics:\n")
	for id, name := range map[string]string{"e": "Errors", "m": "Messages"} {
		fmt.Fprintf(&b, "        - Id: %s\n          ReturnData: false\n          MetricStat:\n            Metric: {Namespace: app, "+
			"MetricName: %s, Dimensions: [{Name: Api, Value: !Ref Api}]}\n            Period: 60\n            Stat: Sum\n", id, name)
	}
	fmt.Fprintf(&b, "        - {Id: out, Label: x, Expression: %q}\n", expression)
	b.WriteString(`
      EvaluationPeriods: 1
      Threshold: 0
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
`)
	return b.String()
}

func TestMetricMath(t *testing.T) {
	t.Parallel()
	m, now := minutes(t, "Errors", 3, 4, -1)
	addMinutes(t, m, now, "Messages", 6, 0, -1)
	for expression, want := range map[string][3]any{
		"e":                             {3., 4., nil},
		"e / m":                         {.5, nil, nil},
		"100*e/PERIOD(e)":               {5., 400. / 60, nil},
		"FILL(e, 0)":                    {3., 4., 0.},
		"-e + 2*(m - 1)":                {7., -6., nil},
		"IF(m > 5, e/m, 0)":             {.5, 0., nil},
		"IF(FILL(m,0) >= 6, e)":         {3., nil, nil},
		"IF(e != 3, 1, 2)":              {2., 1., nil},
		"e <= 3":                        {1., 0., nil},
		"(e < 4) * (m == 6)":            {1., 0., nil},
		"1.5":                           {1.5, 1.5, 1.5},
		"e - m - 1":                     {-4., 3., nil},
		"IF(m, IF(e, 1, 0) , 7) + e/ 1": {4., 11., nil},
	} {
		a := readAlarm(t, ratio(expression))
		for i := range 3 {
			got, ok, err := m.Value(a, now.Add(time.Duration(i-3)*time.Minute))
			require.NoError(t, err)
			require.Equal(t, want[i] != nil, ok, "%s in minute %d", expression, i)
			if ok {
				require.InDelta(t, want[i], got, 1e-9, "%s in minute %d", expression, i)
			}
		}
	}
}

// What cannot be evaluated is an error when the template is read.
func TestAlarmsThatCannotBeEvaluated(t *testing.T) {
	t.Parallel()
	replace := func(old, by string) string {
		require.Contains(t, simple, old)
		return strings.ReplaceAll(simple, old, by)
	}
	for name, properties := range map[string]string{
		"an unknown property":        simple + "      EvaluationCriteria: x\n",
		"an unknown comparison":      replace("GreaterThanThreshold", "GreaterThanUpperThreshold"),
		"an unknown statistic":       replace("Statistic: Sum", "Statistic: Median"),
		"no statistic":               replace("Statistic: Sum", ""),
		"no threshold":               replace("Threshold: !Ref Limit", ""),
		"no metric":                  replace("MetricName: Errors", ""),
		"no namespace":               replace("Namespace: app", ""),
		"an empty dimension":         replace("!Ref Api", `""`),
		"a period of 45 seconds":     replace("Period: 60", "Period: 45"),
		"no period":                  replace("Period: 60", ""),
		"no evaluation periods":      replace("EvaluationPeriods: 3", "EvaluationPeriods: 0"),
		"more points than there":     replace("DatapointsToAlarm: 2", "DatapointsToAlarm: 4"),
		"an unknown treatment":       simple + "      TreatMissingData: notbreaching\n",
		"percentiles left out":       simple + "      EvaluateLowSampleCountPercentile: ignore\n",
		"an unknown parameter":       replace("!Ref Limit", "!Ref Other"),
		"an unknown function":        ratio("ANOMALY_DETECTION_BAND(e)"),
		"a search":                   ratio("SUM(SEARCH('{app}', 'Sum', 60))"),
		"an unknown id":              ratio("e + x"),
		"an expression on itself":    ratio("out + 1"),
		"no end":                     ratio("(e"),
		"an operand that is missing": ratio("e +"),
		"more than an expression":    ratio("e e"),
		"no arguments":               ratio("PERIOD()"),
		"a fill with a word":         ratio("FILL(e, REPEAT)"),
	} {
		_, err := cloudwatchtest.ReadAlarms([]byte(templateOf(properties)), nil, nil)
		require.Error(t, err, name)
	}
	_, err := cloudwatchtest.ReadAlarms([]byte("x"), nil, nil)
	require.Error(t, err)
}

func FuzzExpression(f *testing.F) {
	for _, seed := range []string{"e / m", "IF(e > 5, FILL(m, 0), -1.5)", "PERIOD(e)", "((e", "out", "1e9", "e==m"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, expression string) {
		alarms, err := cloudwatchtest.ReadAlarms([]byte(templateOf(ratio(expression))), nil, nil)
		if err == nil {
			_, _ = new(cloudwatchtest.Metrics).Evaluate(alarms["Alarm"], at, cloudwatchtest.OK)
		}
	})
}
