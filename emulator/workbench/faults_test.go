package workbench_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

type faultState struct {
	ID, Stage, Text string
	Spec            anyMap
	Happened        int
}

func faults(t *testing.T, b *workbench.Workbench) []faultState {
	t.Helper()
	return ok[struct{ Faults []faultState }](t, b, "GET", "state", "").Faults
}

func TestFaults(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{})
	a, b := f.connect(`{}`), f.connect(`{}`)
	post := func(id string) float64 {
		status, _ := ok[anyMap](t, f.bench, "POST", "connections/"+id+"/post", `{"text":"x"}`)["status"].(float64)
		return status
	}
	require.Equal(t, anyMap{"id": "1"}, ok[anyMap](t, f.bench, "POST", "faults", `{"fault":"gone","connections":["#1"],"times":2}`))
	ok[anyMap](t, f.bench, "POST", "faults", `{"fault":"throttled","stage":"dev","connections":["`+b+`"]}`)
	ok[anyMap](t, f.bench, "POST", "faults", `{"fault":"account-quotas"}`)
	require.Equal(t, []float64{410, 410, 200, 429}, []float64{post(a), post(a), post(a), post(b)})
	require.Equal(t, []faultState{
		{"1", "", "failed call (gatesock: connection is gone), for #1, times 2", anyMap{"fault": "gone", "connections": []any{"#1"}, "times": 2.0}, 2},
		{"2", "dev", "throttled, for " + b, anyMap{"fault": "throttled", "connections": []any{b}}, 1},
		{"3", "", "account-quotas", anyMap{"fault": "account-quotas"}, 0},
	}, faults(t, f.bench))
	ok[anyMap](t, f.bench, "DELETE", "faults/2", "")
	require.EqualValues(t, 200, post(b))
	require.Equal(t, anyMap{"removed": 2.0}, ok[anyMap](t, f.bench, "DELETE", "faults", ""))
	require.Empty(t, faults(t, f.bench))
	require.Equal(t, anyMap{"removed": 0.0}, ok[anyMap](t, f.bench, "DELETE", "faults", ""))

	var lines []string
	for _, e := range entries(t, f.bench) {
		if e.FaultID != "" {
			lines = append(lines, string(e.Kind)+" "+e.FaultID+" #"+strconv.FormatUint(e.Connection, 10))
		}
	}
	require.Equal(t, []string{
		"fault-added 1 #0", "fault-added 2 #0", "fault-added 3 #0",
		"fault 1 #1", "fault 1 #1", "fault 2 #2",
		"fault-removed 2 #0", "fault-removed 1 #0", "fault-removed 3 #0",
	}, lines)
}

// TestFaultsOfLaterStages checks that a fault for all stages is also for those that come later, and
// that one of the program itself can be removed.
func TestFaultsOfLaterStages(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	ok[anyMap](t, b, "POST", "faults", `{"fault":"gone"}`)
	status, answer := call(t, b, "POST", "faults", `{"fault":"gone","connections":["#1"]}`)
	require.Equal(t, http.StatusNotFound, status, answer)
	b.Stage("later") // without a gateway
	ok[anyMap](t, b, "POST", "faults", `{"fault":"restart","stage":"later","delay":"1m"}`)
	status, answer = call(t, b, "POST", "connections", `{"stage":"later"}`)
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, answer, "does not run yet")
	own := emulator.NewFaults(1, emulator.FailDelivered(http.ErrAbortHandler))
	s, gw := newStage(t, b, "later", emulator.Config{Faults: own})
	f := &fixture{t, b, s, gw}
	id := f.connect(`{}`)
	post := func() float64 {
		status, _ := ok[anyMap](t, b, "POST", "connections/"+id+"/post", `{"text":"x"}`)["status"].(float64)
		return status
	}
	require.EqualValues(t, 410, post())
	ok[anyMap](t, b, "DELETE", "faults/1", "")
	require.EqualValues(t, 500, post())
	ok[anyMap](t, b, "POST", "clock", `{"advance":"1m"}`)
	require.Equal(t, false, ok[anyMap](t, b, "GET", "connections/"+id, "")["open"])
	ok[anyMap](t, b, "DELETE", "faults", "")
	id = f.connect(`{}`)
	require.EqualValues(t, 200, post())
}

// TestFaultsStay checks that another gateway of a stage has the faults once, except those of
// connections that it does not have.
func TestFaultsStay(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	s, gw := newStage(t, b, "dev", emulator.Config{})
	f := &fixture{t, b, s, gw}
	f.connect(`{}`)
	ok[anyMap](t, b, "POST", "faults", `{"fault":"gone","connections":["#1"]}`)
	ok[anyMap](t, b, "POST", "faults", `{"fault":"throttled","route":"@connections","times":1}`)
	_, gw = newStage(t, b, "dev", emulator.Config{})
	f = &fixture{t, b, s, gw}
	id := f.connect(`{}`)
	post := func() any { return ok[anyMap](t, b, "POST", "connections/"+id+"/post", `{"text":"x"}`)["status"] }
	require.Equal(t, []any{429.0, 200.0}, []any{post(), post()})
	require.Equal(t, 1, faults(t, b)[1].Happened)
}

// TestFaultsAtOnce checks that a fault that happens as it is added is recorded after that.
func TestFaultsAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{})
	f.connect(`{}`)
	ok[anyMap](t, f.bench, "POST", "faults", `{"fault":"restart"}`)
	ok[anyMap](t, f.bench, "POST", "clock", `{"advance":"1ms"}`)
	f.settle()
	lines := story(entries(t, f.bench))
	require.Equal(t, "fault-added restart 1 by api", lines[2])
	require.Contains(t, lines, "fault #1 restart 1")
	require.Contains(t, lines, "disconnected #1 1012")
	require.Equal(t, 1, faults(t, f.bench)[0].Happened)
}

// TestSameSeed checks that the same actions cause the same entries with the same seed, by chance or
// not, and others with another one.
func TestSameSeed(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) []string {
		f := newFixture(t, workbench.Config{Seed: seed})
		ok[anyMap](t, f.bench, "POST", "faults", `{"fault":"gone","chance":0.4}`)
		ok[anyMap](t, f.bench, "POST", "faults", `{"fault":"buffer-full","chance":0.3}`)
		ok[anyMap](t, f.bench, "POST", "faults", `{"fault":"lost-disconnect","chance":0.5}`)
		for range 4 {
			id := f.connect(`{}`)
			for i := range 10 {
				f.send(id, `{"action":"post","text":"`+strconv.Itoa(i)+`"}`)
			}
			ok[anyMap](t, f.bench, "POST", "connections/"+id+"/close", `{"by":"lost"}`)
			f.settle()
		}
		ok[anyMap](t, f.bench, "POST", "clock", `{"advance":"9m"}`)
		return story(entries(t, f.bench))
	}
	const seed = 4
	first := run(seed)
	for _, part := range []string{" 200\n", " 410\n", " 429\n", "lost $disconnect, chance 0.5 3\n", "invoked #3 $disconnect\n"} {
		require.True(t, strings.Contains(strings.Join(first, "\n"), part), part)
	}
	require.Equal(t, first, run(seed))
	require.NotEqual(t, first, run(seed+1))
}
