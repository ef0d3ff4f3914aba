package broadcast

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	done := func(id string, n int, handed ...string) Report {
		return Report{ID: id, Audience: n, Delivered: n, HandedOff: handed}
	}
	for name, c := range map[string]struct {
		reports   []Report
		delivered int
		missing   []string
	}{
		"alone":              {[]Report{done("s", 3)}, 3, nil},
		"in any order":       {[]Report{done("b", 1), done("s", 3, "a"), done("a", 2, "b")}, 6, nil},
		"missing":            {[]Report{done("s", 3, "a", "b"), done("b", 1)}, 4, []string{"a"}},
		"nothing":            {nil, 0, []string{"s"}},
		"twice the same":     {[]Report{done("s", 3, "a"), done("a", 2), done("a", 2)}, 5, nil},
		"twice, another end": {[]Report{done("s", 1, "a"), done("a", 5, "b"), done("a", 2, "c"), done("c", 4)}, 7, nil},
		"failed, then done":  {[]Report{{ID: "s", Audience: 0, Incomplete: true}, done("s", 3)}, 3, nil},
		"another's":          {[]Report{done("s", 1), done("x", 5)}, 1, nil},
		"in a circle":        {[]Report{done("s", 1, "a"), done("a", 1, "s")}, 2, []string{"s"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			total, missing := MergeReports("s", c.reports...)
			require.Equal(t, "s", total.ID)
			require.Equal(t, c.delivered, total.Delivered)
			require.Equal(t, c.delivered, total.Audience)
			require.Equal(t, c.missing, missing)
		})
	}
}

func TestReportIsKeptAsJSON(t *testing.T) {
	t.Parallel()
	rep := Report{
		ID: "s", HandedOff: []string{"a"}, Cursor: "c", Audience: 3, Delivered: 1, Failed: 2,
		Errors: []PostError{{"x", 2, errFault}, {"y", 0, nil}},
	}
	data, err := json.Marshal(rep)
	require.NoError(t, err)
	var got Report
	require.NoError(t, json.Unmarshal(data, &got))
	require.EqualError(t, got.Errors[0].Err, errFault.Error())
	require.Equal(t, rep.Errors[1].ConnectionID, got.Errors[1].ConnectionID)
	got.Errors, rep.Errors = nil, nil
	require.Equal(t, rep, got)
	require.Error(t, json.Unmarshal([]byte(`{"Errors":[{"Attempts":"x"}]}`), &got))
}

// A report that was kept under an earlier version must not come back without the jobs that do the
// rest: MergeReports would call the send complete.
func TestKeptReportsKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	const kept = `{"ID":"s","Handed":["a"],"Cursor":"c","Audience":3,"Delivered":1,"Gone":1,"Failed":1,"Unsent":0,` +
		`"Incomplete":true,"Throttled":4,"Retries":5,"Pruned":6,"PruneFailed":7,"Slow":8,"Disconnected":9,` +
		`"Errors":[{"ConnectionID":"x","Attempts":2,"Err":"no"}]}`
	var got Report
	require.NoError(t, json.Unmarshal([]byte(kept), &got))
	require.Equal(t, Report{
		ID: "s", HandedOff: []string{"a"}, Cursor: "c", Audience: 3, Delivered: 1, Gone: 1, Failed: 1,
		Incomplete: true, Throttled: 4, Retries: 5, Pruned: 6, PruneFailed: 7, Slow: 8, Disconnected: 9,
		Errors: []PostError{{"x", 2, errors.New("no")}},
	}, got)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, kept, string(text))
}
