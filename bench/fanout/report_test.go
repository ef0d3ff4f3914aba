package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/bench/internal/harness"
	"github.com/gatesock/gatesock/bench/internal/harness/harnesstest"
)

// figures is a report in which gatesock-post meets its target and gatesock does not.
func figures() *report {
	of := func(cpu ...time.Duration) []sample {
		var list []sample
		for _, d := range cpu {
			list = append(list, sample{
				outcome:   outcome{CPU: d, Elapsed: 2 * time.Second, Allocations: 4500},
				posts:     100,
				serverCPU: time.Second, lived: 4 * time.Second, connections: len(list) + 1,
			})
		}
		return list
	}
	return &report{
		machine: harness.Machine{Go: "go1.26", OS: "plan9", Arch: "mips", CPUs: 3},
		settings: settings{
			rounds:      3,
			posts:       100,
			payload:     512,
			concurrency: 64,
			peers:       []string{baseline, "gatesock-post", "gatesock"},
		},
		samples: map[string][]sample{
			baseline:        of(60*time.Millisecond, 90*time.Millisecond, 30*time.Millisecond),
			"gatesock-post": of(10*time.Millisecond, 7500*time.Microsecond, 7500*time.Microsecond),
			"gatesock":      of(10*time.Millisecond, 30*time.Millisecond, 10*time.Millisecond),
		},
	}
}

func TestSample(t *testing.T) {
	t.Parallel()
	s := figures().samples[baseline][0]
	require.InDelta(t, 600, s.cpu(), 1e-9)
	require.InDelta(t, 1666.67, s.perSecond(), 0.01)
	require.InDelta(t, 50, s.rate(), 1e-9)
	require.InDelta(t, 45, s.allocations(), 1e-9)
	require.Zero(t, sample{posts: 7}.perSecond())
	require.Zero(t, sample{posts: 7}.rate())
}

// Ratios are taken within a round: ratios of the medians would be 8 for gatesock-post and 6 for
// gatesock.
func TestRatios(t *testing.T) {
	t.Parallel()
	r := figures()
	require.InDeltaSlice(t, []float64{1, 1, 1}, r.ratios(baseline), 1e-9)
	require.InDeltaSlice(t, []float64{6, 12, 4}, r.ratios("gatesock-post"), 1e-9)
	require.InDeltaSlice(t, []float64{6, 3, 3}, r.ratios("gatesock"), 1e-9)
}

func TestText(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, figures().writeText(&out))
	lines := harnesstest.Lines(out.String())
	require.Equal(t, []string{
		"CPU per post posts/CPU s ratio to sdk-defaults target posts/s connections allocations per post",
		"sdk-defaults 600.0 µs (300.0–900.0) 1667 1.00 (1.00–1.00) 50 2 45.0",
		"gatesock-post 75.0 µs (75.0–100.0) 13333 6.00 (4.00–12.00) ≥ 6, met 50 2 45.0",
		"gatesock 100.0 µs (100.0–300.0) 10000 3.00 (3.00–6.00) ≥ 6, MISSED 50 2 45.0",
		"",
	}, lines[:5])
	require.Equal(t, "Every post arrived exactly once. The server used at most 25 % of one core.", lines[len(lines)-1])
	require.Contains(t, out.String(), "3 CPUs")
	require.Contains(
		t,
		out.String(),
		"100 posts of 512 bytes in each measurement, 64 in flight, answered after 5ms to 20ms; HTTP/1.1.",
	)
}

func TestPacedText(t *testing.T) {
	t.Parallel()
	r := figures()
	r.settings.messages, r.settings.atOnce, r.settings.pace = 2, 3, 100*time.Millisecond
	r.settings.peers = []string{"gatesock"}
	paced := func(ms ...int) sample {
		s := sample{posts: 6, connections: 3, outcome: outcome{CPU: 600 * time.Microsecond}}
		for _, n := range ms {
			s.Latencies = append(s.Latencies, time.Duration(n)*time.Millisecond)
		}
		return s
	}
	r.paced = map[string][]sample{"gatesock": {paced(1, 2), paced(3, 10)}}
	var out bytes.Buffer
	require.NoError(t, r.writeText(&out))
	require.Contains(t, out.String(), "Paced: 2 messages to 3 members each, 100ms apart, answered without delay.")
	require.Regexp(t, `gatesock +3 +4\.00 ms +2\.00 ms +10\.00 ms +100 µs`, out.String())
}

// Targets are relative to the SDK's defaults.
func TestNoTargetWithoutTheBaseline(t *testing.T) {
	t.Parallel()
	r := figures()
	r.settings.peers = []string{"gatesock-post", "gatesock"}
	r.settings.h2 = true
	var out bytes.Buffer
	require.NoError(t, r.writeText(&out))
	require.NotContains(t, out.String(), "≥")
	require.Contains(t, out.String(), "offers HTTP/2")
}

func TestCountsAreChecked(t *testing.T) {
	t.Parallel()
	right := counts{Connections: 3, Posts: 10, Bytes: 5120}
	require.NoError(t, right.check(10, 512))
	for name, spoil := range map[string]func(*counts){
		"one too few":  func(c *counts) { c.Posts-- },
		"one too many": func(c *counts) { c.Posts++ },
		"cut off":      func(c *counts) { c.Bytes-- },
		"repeated":     func(c *counts) { c.Repeated++ },
		"refused":      func(c *counts) { c.Refused++ },
	} {
		c := right
		spoil(&c)
		require.Error(t, c.check(10, 512), name)
	}
}
