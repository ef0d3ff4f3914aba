package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/bench/internal/harness"
	"github.com/gatesock/gatesock/bench/internal/harness/harnesstest"
)

// figures is a report in which every target is met, by the smallest margin.
func figures() *report {
	fast := sample{Operations: 200, Elapsed: time.Second, ServerCPU: 2 * time.Millisecond, LoadCPU: time.Millisecond}
	slow := sample{Operations: 100, Elapsed: time.Second, ServerCPU: 5 * time.Millisecond, LoadCPU: time.Millisecond}
	c := comparison{Bare: []sample{fast, fast, fast}, Gatesock: []sample{slow, fast, slow}}
	return &report{
		Machine: harness.Machine{Go: "go1.26", OS: "plan9", Arch: "mips", CPUs: 3},
		Settings: settings{
			Rounds:   3,
			Duration: time.Second,
			Conns:    5,
			Depth:    1,
			Payload:  100,
			Dialers:  2,
			Open:     10,
			Starts:   2,
		},
		Echo:    c,
		Connect: c,
		Example: comparison{Bare: []sample{slow}, Gatesock: []sample{slow}},
		Start: starts{
			Bare:     []time.Duration{time.Millisecond, 3 * time.Millisecond},
			Gatesock: []time.Duration{99 * time.Millisecond, 200 * time.Millisecond, 50 * time.Millisecond},
		},
		Holds: []holding{
			{Server: kindBare, Resident: 20e6},
			{Server: kindGatesock, Before: 11e6, Resident: 59.9e6, Disconnects: map[int]int{1000: 10}},
			{
				Server:      kindGatesock,
				Echoed:      true,
				Killed:      true,
				Resident:    30e6,
				Disconnects: map[int]int{1006: 9, 1000: 1},
			},
		},
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	require.True(t, figures().met())
	for name, spoil := range map[string]func(*report){
		"the example's": func(r *report) { r.Example.Gatesock = []sample{{Operations: 1, Elapsed: time.Second}} },
		"the bare server's": func(r *report) {
			slow := sample{Operations: 99, Elapsed: time.Second}
			r.Echo.Gatesock = []sample{slow, r.Echo.Gatesock[1], slow}
		},
		"connects/s": func(r *report) {
			r.Connect.Gatesock = []sample{{Operations: 100, Elapsed: 2 * time.Second}, {}, r.Connect.Gatesock[1]}
		},
		"first connection": func(r *report) { r.Start.Gatesock[0] = 100 * time.Millisecond },
		"resident":         func(r *report) { r.Holds[1].Resident = 60e6 },
	} {
		r := figures()
		spoil(r)
		var missed []string
		for _, c := range r.checks() {
			if !c.Met {
				missed = append(missed, c.Name)
			}
		}
		require.Len(t, missed, 1, name)
		require.Contains(t, missed[0], name)
		require.False(t, r.met(), name)
	}
}

func TestLoadThatFailedAtOnceHasNoRate(t *testing.T) {
	t.Parallel()
	r := figures()
	r.Echo = comparison{Bare: []sample{{}}, Gatesock: []sample{{ServerCPU: time.Second}}}
	require.Zero(t, r.checks()[0].Value)
	require.NoError(t, r.writeJSON(&bytes.Buffer{}))
}

func TestText(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, figures().writeText(&out))
	lines := harnesstest.Lines(out.String())
	require.Equal(t, []string{
		"bare gatesock ratio target",
		"echo messages/s 200 (200–200) 100 (100–200) 0.50 (0.50–1.00) ≥ 0.50, met",
		"server's CPU per message 10.0 µs (10.0–10.0) 50.0 µs (10.0–50.0)",
		"generator's CPU per message 5.0 µs (5.0–5.0) 10.0 µs (5.0–10.0)",
		"beside the library's example 100 (100–100) 100 (100–100) 1.00 (1.00–1.00) ≥ 0.50, met",
		"the example's CPU per message 50.0 µs (50.0–50.0)",
		"connects/s 200 (200–200) 100 (100–200) 0.50 (0.50–1.00) ≥ 0.50, met",
		"server's CPU per connect 10.0 µs (10.0–10.0) 50.0 µs (10.0–50.0)",
		"generator's CPU per connect 5.0 µs (5.0–5.0) 10.0 µs (5.0–10.0)",
		"start to first connection 2.0 ms (1.0–3.0) 99.0 ms (50.0–200.0) < 100 ms, met",
		"10 idle: resident 20.0 MB 59.9 MB, 11.0 MB before < 60 MB, met",
		"closed at once: $disconnect events 10 with 1000 = 10",
		"10 that echoed: resident 30.0 MB, 0.0 MB before < 60 MB, met",
		"clients killed: $disconnect events 1 with 1000, 9 with 1006 = 10",
		"",
		"Every echo arrived unchanged, and every connection had one $disconnect event.",
	}, lines)
}

func TestTextNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := figures()
	r.expect(true, "not this")
	r.expect(false, "%d lost", 7)
	r.Holds[1] = holding{Server: kindGatesock, Resident: 61e6}
	var out bytes.Buffer
	require.NoError(t, r.writeText(&out))
	require.Contains(t, out.String(), "< 60 MB, MISSED")
	require.Regexp(t, `events +none +`, out.String())
	require.True(t, strings.HasSuffix(out.String(), "\nWRONG:\n  7 lost\n"))
}

func TestJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, figures().writeJSON(&out))
	var got struct {
		Echo   comparison
		Checks []check
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	require.Equal(t, figures().Echo, got.Echo)
	require.Equal(t, figures().checks(), got.Checks)
}
