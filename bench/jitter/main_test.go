package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/bench/internal/harness/harnesstest"
)

func TestMain(m *testing.M) { harnesstest.Main(m, command()) }

// small is a run of about a second.
func small() []string {
	return strings.Fields("-clients 25 -rounds 3 -period 300ms -drop 60ms -every 10ms -silence 100ms -json")
}

// TestNothingIsLost is the test itself: whatever the times are, every client gets every message,
// once and in order.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, command().Play(t.Context(), append(small(), "-alone"), nil, &out))
	var figures []figure
	require.NoError(t, json.Unmarshal(out.Bytes(), &figures))
	require.Len(t, figures, 1)
	f := figures[0]
	require.Equal(t, 90, f.Messages)
	require.Equal(t, 25*90, f.Delivered)
	require.Zero(t, f.Duplicates)
	require.Zero(t, f.Disordered)
	require.Positive(t, f.Drops)
	require.Positive(t, f.Recovered)
	require.NotEmpty(t, f.Replay)
	require.Positive(t, f.ServerCPU)
}

func TestPeers(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, command().Play(t.Context(), small(), nil, &out))
	var figures []figure
	require.NoError(t, json.Unmarshal(out.Bytes(), &figures))
	require.Len(t, figures, 3)
	for _, f := range figures[1:] {
		require.Equal(t, 90, f.Messages)
		require.Positive(t, f.Delivered)
		require.Positive(t, f.Drops)
	}
	require.Empty(t, figures[2].Replay, "without recovery nothing is replayed")
}

func TestTable(t *testing.T) {
	t.Parallel()
	f := figure{Name: "topics", Clients: 2, Messages: 5, outcome: outcome{
		Delivered: 9, Drops: 2, Recovered: 1, Replay: histogram{3: 1, 9: 1}, Latency: histogram{1: 98, 50: 2},
	}, ServerCPU: 1.25, ClientCPU: 2}
	var out bytes.Buffer
	o := order{Clients: 2, Rounds: 1, PeriodMs: 5000, DropMs: 2000, EveryMs: 1000}
	require.NoError(t, report(&out, o, []figure{f}))
	require.Contains(t, out.String(),
		"2 clients, 1 rounds of 5s, in each of which every client is cut off for 2s; a message every 1s.",
	)
	require.Equal(t, "topics 9 10 90.00 % 0 2 1 3 ms 9 ms 1 ms 50 ms 1.2 s 2.0 s", harnesstest.Lines(out.String())[1])
	require.ErrorContains(t, f.check(), "topics: 1 messages are lost, 0 came again, 0 came too late")
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	require.Zero(t, histogram{}.quantile(0.5))
	h := histogram{1: 50, 2: 49, 100: 1}
	require.Equal(t, 1, h.quantile(0.5))
	require.Equal(t, 2, h.quantile(0.99))
	require.Equal(t, 100, h.quantile(1))
}

// TestSchedule checks that every client is back before it is cut off again.
func TestSchedule(t *testing.T) {
	t.Parallel()
	o := order{Clients: 1000, Rounds: 10, PeriodMs: 8000, DropMs: 2000}
	var all []time.Duration
	for client := range o.Clients {
		for round := range o.Rounds {
			at := o.dropAt(client, round)
			begin := duration(round * o.PeriodMs)
			require.GreaterOrEqual(t, at, begin)
			require.LessOrEqual(t, at+duration(o.DropMs), begin+duration(o.PeriodMs)-time.Second)
			all = append(all, at)
		}
	}
	slices.Sort(all)
	require.Greater(t, len(slices.Compact(all)), 9000, "the drops are spread")
}

func TestSettingsAreRefused(t *testing.T) {
	t.Parallel()
	harnesstest.Refuses(t, command(), map[string]string{
		"-clients 0":          "-clients, -rounds, -every and -drop must be positive",
		"-drop 5s":            "-period must be at least twice -drop",
		"-silence 0s":         "-silence must be positive",
		"-clients 1000000000": "lower -clients",
		"extra":               "unexpected argument",
	})
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	harnesstest.Interrupts(t, command(), append(small(), "-alone"))
}
