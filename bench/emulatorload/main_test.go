package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestMain plays the roles that the command starts itself in: here it is this test binary that is started.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{roleServe, roleLoad}, os.Args[1]) {
		main()
		return
	}
	// Under the race detector every process would wait for a second before it exits.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// small is a run of the whole command in about a second.
func small() []string {
	return strings.Fields("-rounds 1 -duration 30ms -conns 5 -depth 3 -dialers 2 -open 20 -starts 1 -payload 200")
}

func TestCommand(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, play(t.Context(), append(small(), "-json", "-profiles", t.TempDir()), nil, &out))
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
	require.NoError(t, play(t.Context(), small(), nil, &out))
	require.Contains(t, out.String(), "echo messages/s")
	require.NotContains(t, out.String(), "WRONG")
}

func TestSettingsAreRefused(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-rounds 0":                 "positive",
		"-conns -1":                 "positive",
		"-starts 0":                 "positive",
		"-duration 0s":              "-duration",
		"-duration 61s":             "-duration",
		"-payload 5":                "-payload",
		"-payload 99999999":         "-payload",
		"-nonsense":                 "nonsense",
		"word":                      `"word"`,
		"-open 2000000000":          "ulimit",
		"serve":                     "usage",
		"serve other":               `"other"`,
		"serve bare /nowhere/at/it": "no such file",
		"load -load other":          `"other"`,
	} {
		err := play(t.Context(), strings.Fields(args), strings.NewReader(""), io.Discard)
		require.ErrorContains(t, err, want, args)
		require.Equal(t, 1, exitStatus(err))
	}
	require.NoError(t, play(t.Context(), []string{"-h"}, nil, io.Discard))
	require.Equal(t, 2, exitStatus(errTargets))
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, play(ctx, small(), nil, io.Discard), context.Canceled)
}
