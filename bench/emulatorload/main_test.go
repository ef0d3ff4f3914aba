package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/bench/internal/harness/harnesstest"
)

func TestMain(m *testing.M) { harnesstest.Main(m, command()) }

// small is a run of the whole command in about a second.
func small() []string {
	return strings.Fields("-rounds 1 -duration 30ms -conns 5 -depth 3 -dialers 2 -open 20 -starts 1 -payload 200")
}

func TestCommand(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, command().Play(t.Context(), append(small(), "-json", "-profiles", t.TempDir()), nil, &out))
	var r struct {
		report
		Checks []check
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	require.Empty(t, r.Failures)
	for _, c := range []comparison{r.Echo, r.Example, r.Connect} {
		for _, list := range [][]sample{c.Bare, c.Gatesock} {
			require.Len(t, list, 1)
			require.Positive(t, list[0].Operations)
			require.Positive(t, list[0].ServerCPU)
			require.Positive(t, list[0].LoadCPU)
		}
	}
	require.Len(t, r.Checks, 5)
	require.Len(t, r.Holds, 5)
	for _, h := range r.holds(kindGatesock) {
		want := map[int]int{1000: 20}
		if h.Killed {
			want = map[int]int{1006: 20}
		}
		require.Equal(t, want, h.Disconnects)
		require.Greater(t, h.Resident, 1<<20)
	}
}

func TestCommandPrintsATable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, command().Play(t.Context(), small(), nil, &out))
	require.Contains(t, out.String(), "echo messages/s")
	require.NotContains(t, out.String(), "WRONG")
}

func TestSettingsAreRefused(t *testing.T) {
	t.Parallel()
	harnesstest.Refuses(t, command(), map[string]string{
		"-rounds 0":              "positive",
		"-conns -1":              "positive",
		"-starts 0":              "positive",
		"-duration 0s":           "-duration",
		"-duration 61s":          "-duration",
		"-payload 5":             "-payload",
		"-payload 99999999":      "-payload",
		"-nonsense":              "nonsense",
		"word":                   `"word"`,
		"-open 2000000000":       "ulimit",
		"serve":                  "usage",
		"serve other":            "order",
		`serve {"kind":"other"}`: `"other"`,
		`load {"load":"other"}`:  `"other"`,
		`serve {"kind":"bare","profile":"/nowhere/at/it"}`: "no such file",
	})
	require.Equal(t, 1, exitStatus(errors.New("any other")))
	require.Equal(t, 2, exitStatus(errTargets))
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	harnesstest.Interrupts(t, command(), small())
}
