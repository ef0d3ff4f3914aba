package cloudwatchtest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/cloudwatchtest"
)

// events are one in a minute.
func events() []cloudwatchtest.Event {
	var list []cloudwatchtest.Event
	for i, message := range []string{
		`{"level":"ERROR","msg":"the store failed","route":"say","error":{"code":"internal"},"ms":120,"tags":["a","b"]}`,
		`{"level":"INFO","msg":"said","route":"say","ms":30,"odd name":7}`,
		`{"level":"WARN","msg":"slow","route":"join","ms":"90","ok":true,"none":null}`,
		`REPORT RequestId: 1 Duration: 3 ms`,
		`{"level":"ERROR","msg":"it panicked","route":"join","ms":10}`,
	} {
		list = append(list, cloudwatchtest.NewEvent(at.Add(time.Duration(i)*time.Minute), message))
	}
	return list
}

func TestDiscoveredFields(t *testing.T) {
	t.Parallel()
	all := events()
	require.Equal(t, []string{"@message", "@timestamp", "error.code", "level", "ms", "msg", "route", "tags.0", "tags.1"},
		all[0].Fields())
	require.Equal(t, []string{"@message", "@timestamp", "level", "ms", "msg", "ok", "route"}, all[2].Fields())
	require.Equal(t, []string{"@message", "@timestamp"}, all[3].Fields())
	require.Equal(t, []string{"@message", "@timestamp"}, cloudwatchtest.NewEvent(at, `[{"a":1}]`).Fields())
	require.Equal(t, []string{"@message", "@timestamp"}, cloudwatchtest.NewEvent(at, `{"a":1}{"b":2}`).Fields())
	many := cloudwatchtest.NewEvent(at, `{"first":1,"list":[0`+strings.Repeat(",0", 300)+`],"last":1}`)
	require.Len(t, many.Fields(), 202)
	require.Contains(t, many.Fields(), "first")
	require.NotContains(t, many.Fields(), "last")
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		`fields msg | filter level = "ERROR"`:                                  "msg\nit panicked\nthe store failed\n",
		`filter level = 'ERROR' | sort @timestamp | display msg`:               "msg\nthe store failed\nit panicked\n",
		"fields `odd name` | filter ispresent(`odd name`)":                     "odd name\n7\n",
		`fields @timestamp, msg | filter ms >= 90 and route in ["join"]`:       "@timestamp | msg\n2030-01-02 03:06:05.000 | slow\n",
		`filter @message like /^REPORT/ | fields @message`:                     "@message\nREPORT RequestId: 1 Duration: 3 ms\n",
		`filter @message like "REPORT"`:                                        "@timestamp | @message\n2030-01-02 03:07:05.000 | REPORT RequestId: 1 Duration: 3 ms\n",
		`filter msg =~ /(?i)STORE/ | fields error.code`:                        "error.code\ninternal\n",
		`filter msg like /a\/b|slow/ | display msg`:                            "msg\nslow\n",
		`filter strcontains(msg, "panic") | display route`:                     "route\njoin\n",
		`filter not ispresent(level) | display level`:                          "level\n\n",
		`filter level="INFO" or (route="join" and ms<50) | display msg`:        "msg\nit panicked\nsaid\n",
		`fields ms * 2 + 1 as twice | filter level = "WARN"`:                   "twice\n181\n",
		`fields coalesce(error.code, "none") as code | sort ms desc | limit 2`: "code\ninternal\nnone\n",
		`stats count(*)`: "count(*)\n5\n",
		`filter ispresent(route) | stats count(*) as n, sum(ms), avg(ms), max(ms) as most, min(ms), pct(ms, 50) by route | sort n desc, route`: "route | n | sum(ms) | avg(ms) | most | min(ms) | pct(ms,50)\n" +
			"join | 2 | 100 | 50 | 90 | 10 | 10\nsay | 2 | 150 | 75 | 120 | 30 | 30\n",
		`filter ispresent(level) | stats count_distinct(route), latest(msg), earliest(msg)`: "count_distinct(route) | latest(msg) | earliest(msg)\n2 | it panicked | the store failed\n",
		`stats count(level) by bin(2m) as at | sort at`:                                     "at | count(level)\n2030-01-02 03:04:00.000 | 2\n2030-01-02 03:06:00.000 | 1\n2030-01-02 03:08:00.000 | 1\n",
		`stats count(*) by bin(1h) | sort count(*) desc | limit 1`:                          "bin(1h) | count(*)\n2030-01-02 03:00:00.000 | 5\n",
		`stats sum(nothing) as x`:                                                           "x\n\n",
		"# which ones are slow\nfilter ms > 100 # a lot\n| display msg":                     "msg\nthe store failed\n",
		`filter none = other`:                                                               "@timestamp | @message\n",
		`sort ms | stats latest(msg) as l, earliest(msg) as e`:                              "l | e\nit panicked | the store failed\n",
		`filter level = "FATAL"`:                                                            "@timestamp | @message\n",
		`FILTER ms = 90.0 | Display msg`:                                                    "msg\nslow\n",
		`filter ok = 1 | display msg`:                                                       "msg\nslow\n",
	} {
		q, err := cloudwatchtest.ParseQuery(query)
		require.NoError(t, err, query)
		result, err := q.Run(events())
		require.NoError(t, err, query)
		require.Equal(t, want, result.String(), query)
	}
}

func TestFieldsOfAQuery(t *testing.T) {
	t.Parallel()
	q, err := cloudwatchtest.ParseQuery(
		`fields ms * 2 as twice | filter twice > 3 and ispresent(route) | stats count(*) as n by route | sort n desc`)
	require.NoError(t, err)
	require.Equal(t, []string{"ms", "route"}, q.Fields())
	result, err := q.Run(events())
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"say", "join"}, result.Column("route"))
	require.Empty(t, result.Column("other"))
}

// What is not understood is an error, and not passed over.
func TestQueriesThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		``, `|`, `fields`, `fields a |`, `fields a b`, `select a`, `pattern @message`, `diff`,
		`filter`, `filter a`, `filter a = `, `filter a != 1`, `filter a == 1`, `filter not a = 1`, `filter a not in [1]`,
		`filter a in (1)`, `filter a in []`, `filter a in [1`, `filter a in [b]`, `filter a like b`, `filter a like /(/`,
		`filter a like /x`, `filter a = "x`, `filter a = "x\n"`, "filter `` = 1", `filter (a = 1`, `filter isblank(a)`,
		`filter ispresent a`, `filter ispresent(1)`, `filter strcontains(a, b)`, `filter strcontains(a)`, `filter a = tolower(b)`,
		`fields a + 1`, `fields a as`, `fields a as 1`, `sort`, `sort a b`, `sort count(*)`, `limit`, `limit x`, `limit 0`,
		`limit 10001`, `limit 1.5`, `stats`, `stats a`, `stats stddev(a)`, `stats sum(*)`, `stats sum(a) by bin(5)`,
		`stats sum(a) by bin(5w)`, `stats sum(a) by bin 5m`, `stats sum(a), sum(a)`, `stats pct(a)`, `stats pct(a, b)`,
		`stats pct(a, 101)`, `stats count(*) | stats count(*)`, `stats count(*) | fields a`, `stats count(*) | filter a = 1`,
		`stats count(*) as n | sort m`, `stats count(*) | sort sum(a)`, `fields a ; b`, `fields ä`,
		`filter ` + strings.Repeat("(", 200) + `a = 1` + strings.Repeat(")", 200),
	} {
		_, err := cloudwatchtest.ParseQuery(query)
		require.Error(t, err, query)
	}
	_, err := cloudwatchtest.ParseQuery("fields a\n\n| filter b ! c")
	require.ErrorContains(t, err, "line 3:")
	q, err := cloudwatchtest.ParseQuery(`stats count(*) by level`)
	require.NoError(t, err)
	_, err = q.Run(events())
	require.ErrorContains(t, err, "ispresent")
}

func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{
		`fields @timestamp, a.b as x | filter x like /^a\/b$/ and y in [1, "2"] or not ispresent(z) | sort x desc | limit 5`,
		"stats count(*) as n, pct(ms, 99) by bin(5m), `a b` | sort n # end",
		`filter strcontains(coalesce(a, 'b'), "c") | display a, b`, `filter (a + 1) * 2 >= 3`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := cloudwatchtest.ParseQuery(text)
		if err != nil {
			return
		}
		result, err := q.Run(events())
		if err != nil {
			return
		}
		for _, row := range result.Rows {
			if len(row) != len(result.Columns) {
				t.Errorf("a row of %d values for %d columns", len(row), len(result.Columns))
			}
		}
	})
}
