package cloudwatchtest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/cloudwatchtest"
)

// at is the time of the lines of these tests.
var at = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC) //nolint:gochecknoglobals // a constant

// emf returns a line with its metadata, whose time is at.
func emf(directives, members string) string {
	return fmt.Sprintf(`{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[%s]},%s}`, at.UnixMilli(), directives, members)
}

const errorsByRoute = `{"Namespace":"app","Dimensions":[["Api"],["Api","Route"]],` +
	`"Metrics":[{"Name":"Errors","Unit":"Count"}]}`

func TestMetricsOfALine(t *testing.T) {
	t.Parallel()
	log := cloudwatchtest.NewLog(func() time.Time { return at })
	for _, text := range []string{
		"START RequestId: 1\n" + `{"level":"IN`, `FO"}` + "\n\n" +
			emf(errorsByRoute+`,{"Namespace":"app","Dimensions":[[]],"Metrics":[{"Name":"Latency","Unit":"Milliseconds"}]}`,
				`"Api":"a","Route":"say","Errors":2,"Latency":[1,2.5,4],"requestId":"r"`) + "\n" +
			emf(errorsByRoute, `"Api":"a","Route":"join","Errors":3`) + "\n",
	} {
		n, err := log.Write([]byte(text))
		require.NoError(t, err)
		require.Len(t, text, n)
	}
	require.Len(t, log.Events(), 4)
	m, err := log.Metrics()
	require.NoError(t, err)
	var all []string
	for _, metric := range m.All() {
		all = append(all, metric.String())
	}
	require.Equal(t, []string{
		`app Errors Api="a"`, `app Errors Api="a" Route="join"`, `app Errors Api="a" Route="say"`, `app Latency`,
	}, all)
	byAPI := cloudwatchtest.Metric{Namespace: "app", Name: "Errors", Dimensions: map[string]string{"Api": "a"}}
	require.Equal(t, "Count", m.Unit(byAPI))
	points := m.Points(byAPI)
	require.Len(t, points, 2)
	require.True(t, points[0].Time.Equal(at))
	minute := at.Truncate(time.Minute)
	latency := cloudwatchtest.Metric{Namespace: "app", Name: "Latency"}
	for _, c := range []struct {
		metric    cloudwatchtest.Metric
		statistic string
		want      float64
	}{
		{byAPI, "Sum", 5},
		{byAPI, "SampleCount", 2},
		{latency, "Sum", 7.5},
		{latency, "Average", 2.5},
		{latency, "Minimum", 1},
		{latency, "Maximum", 4},
		{latency, "SampleCount", 3},
		{latency, "p50", 2.5},
		{latency, "p99", 4},
		{latency, "p0", 1},
	} {
		got, ok, err := m.Statistic(c.metric, c.statistic, minute, time.Minute)
		require.NoError(t, err)
		require.True(t, ok)
		require.InDelta(t, c.want, got, 1e-9, "%s of %s", c.statistic, c.metric)
	}
	_, ok, err := m.Statistic(byAPI, "Sum", minute.Add(time.Minute), time.Minute)
	require.NoError(t, err)
	require.False(t, ok, "the next minute has a value")
	for _, statistic := range []string{"", "sum", "p", "p101", "pNaN", "99"} {
		_, _, err := m.Statistic(byAPI, statistic, minute, time.Minute)
		require.Error(t, err, statistic)
	}
}

// Every mistake that CloudWatch would pass over in silence is an error, and adds nothing.
func TestLinesThatAreNotInTheFormat(t *testing.T) {
	t.Parallel()
	one := func(metric string) string {
		return `{"Namespace":"n","Dimensions":[["d"]],"Metrics":[` + metric + `]}`
	}
	const good = `"d":"x","M":1`
	for name, line := range map[string]string{
		"no JSON":                    `x`,
		"no object":                  `[]`,
		"two values":                 emf(one(`{"Name":"M"}`), good) + "{}",
		"no metadata":                `{"M":1}`,
		"metadata that is a list":    `{"_aws":[],"M":1}`,
		"no timestamp":               `{"_aws":{"CloudWatchMetrics":[` + one(`{"Name":"M"}`) + `]},` + good + `}`,
		"a timestamp in text":        `{"_aws":{"Timestamp":"1","CloudWatchMetrics":[` + one(`{"Name":"M"}`) + `]},` + good + `}`,
		"an unknown member":          emf(one(`{"Name":"M","Scale":1}`), good),
		"no namespace":               emf(`{"Dimensions":[["d"]],"Metrics":[{"Name":"M"}]}`, good),
		"no dimensions":              emf(`{"Namespace":"n","Metrics":[{"Name":"M"}]}`, good),
		"no metrics":                 emf(one(``), good),
		"too many metrics":           emf(one(strings.Repeat(`{"Name":"M"},`, 100)+`{"Name":"M"}`), good),
		"a metric without a name":    emf(one(`{"Unit":"Count"}`), good),
		"a metric twice":             emf(one(`{"Name":"M"},{"Name":"M"}`), good),
		"a metric in two directives": emf(one(`{"Name":"M"}`)+","+one(`{"Name":"M"}`), good),
		"a set of dimensions twice":  emf(`{"Namespace":"n","Dimensions":[["d"],["d"]],"Metrics":[{"Name":"M"}]}`, good),
		"an unknown unit":            emf(one(`{"Name":"M","Unit":"Milli"}`), good),
		"an unknown resolution":      emf(one(`{"Name":"M","StorageResolution":5}`), good),
		"a metric without a value":   emf(one(`{"Name":"N"}`), good),
		"a value in text":            emf(one(`{"Name":"M"}`), `"d":"x","M":"1"`),
		"a value that is null":       emf(one(`{"Name":"M"}`), `"d":"x","M":null`),
		"no values":                  emf(one(`{"Name":"M"}`), `"d":"x","M":[]`),
		"a null among values":        emf(one(`{"Name":"M"}`), `"d":"x","M":[1,null]`),
		"too many values":            emf(one(`{"Name":"M"}`), `"d":"x","M":[1`+strings.Repeat(",1", 100)+`]`),
		"a dimension without value":  emf(one(`{"Name":"M"}`), `"M":1`),
		"a dimension of a number":    emf(one(`{"Name":"M"}`), `"d":1,"M":1`),
		"an empty dimension":         emf(one(`{"Name":"M"}`), `"d":" ","M":1`),
		"a member twice":             emf(one(`{"Name":"M"}`), good+`,"M":2`),
		"a line that is too long":    emf(one(`{"Name":"M"}`), good+`,"x":"`+strings.Repeat("x", 256<<10)+`"`),
	} {
		var m cloudwatchtest.Metrics
		require.Error(t, m.Add([]byte(line)), name)
		require.Empty(t, m.All(), name)
	}
	var m cloudwatchtest.Metrics
	require.NoError(t, m.Add([]byte(emf(one(`{"Name":"M","Unit":"Count"}`), good))))
	require.Error(t, m.Add([]byte(emf(one(`{"Name":"M","Unit":"Bytes"}`), good))), "another unit")
	log := cloudwatchtest.NewLog(time.Now)
	_, err := log.Write([]byte(emf(one(`{"Name":"N"}`), good) + "\n"))
	require.NoError(t, err)
	_, err = log.Metrics()
	require.ErrorContains(t, err, "event 1")
}

func FuzzAdd(f *testing.F) {
	f.Add(emf(errorsByRoute, `"Api":"a","Route":"say","Errors":2`))
	f.Add(emf(`{"Namespace":"n","Dimensions":[[]],"Metrics":[{"Name":"M","Unit":"None"}]}`, `"M":[1,2]`))
	f.Add(`{"_aws":{"Timestamp":1,"CloudWatchMetrics":null}}`)
	f.Fuzz(func(t *testing.T, line string) {
		var m cloudwatchtest.Metrics
		err := m.Add([]byte(line))
		if (err == nil) != (len(m.All()) > 0) && !strings.Contains(line, `"Dimensions":[]`) {
			t.Errorf("error %v, metrics %v", err, m.All())
		}
		for _, metric := range m.All() {
			if len(m.Points(metric)) == 0 {
				t.Errorf("%s has no values", metric)
			}
		}
	})
}
