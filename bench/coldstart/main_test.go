package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/bench/internal/harness/harnesstest"
)

func TestMain(m *testing.M) { harnesstest.Main(m, command()) }

// Both programs start, ask for an event and post, with each layout of certificates. The machine may
// not offer quotas.
func TestCompare(t *testing.T) {
	t.Parallel()
	for _, certs := range []string{certsSystem, certsLambda} {
		if _, err := systemBundle(); err != nil {
			t.Skip(err)
		}
		var out bytes.Buffer
		require.NoError(t, compare(t.Context(), []string{"-runs", "2", "-quota", "0,0.5", "-certs", certs}, &out))
		require.Contains(t, out.String(), "Medians of 2 starts")
		require.Contains(t, out.String(), "no quota:")
		require.Contains(t, out.String(), "0.5 of a processor:")
		for _, app := range apps() {
			require.Regexp(t, `(?m)^`+app+` +\d.* ms .*ms .*ms .*1?`, out.String())
		}
	}
}

func TestSettingsAreRefused(t *testing.T) {
	t.Parallel()
	harnesstest.Refuses(t, command(), map[string]string{
		"-runs 0":       "positive",
		"-certs mine":   "-certs",
		"-quota 0.01":   "-quota",
		"-quota 1,,2":   "-quota",
		"-quota -1":     "-quota",
		"word":          `"word"`,
		"-nonsense":     "nonsense",
		"-quota 0,1,65": "-quota",
	})
}

// A program that exits, or never asks for an event, is an error.
func TestProgramsThatFail(t *testing.T) {
	t.Parallel()
	if _, err := systemBundle(); err != nil {
		t.Skip(err)
	}
	_, err := startOnce(t.Context(), "/bin/true", certsSystem, nil)
	require.ErrorIs(t, err, errEnded)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = startOnce(ctx, "/bin/true", certsSystem, nil)
	require.ErrorIs(t, err, context.Canceled)
}

// Ratios are taken within each run.
func TestTable(t *testing.T) {
	t.Parallel()
	ms := func(next, post time.Duration) times {
		return times{next * time.Millisecond, post * time.Millisecond, time.Millisecond}
	}
	var out bytes.Buffer
	require.NoError(t, write(&out, map[string][]times{
		"sdk":      {ms(30, 60), ms(40, 80), ms(20, 40)},
		"gatesock": {ms(40, 45), ms(20, 20), ms(30, 40)},
	}))
	require.Regexp(
		t,
		`sdk +30\.0 ms \(20\.0–40\.0\) +30\.0 ms \(20\.0–40\.0\) +60\.0 ms \(40\.0–80\.0\) +1\.00`,
		out.String(),
	)
	require.Regexp(
		t,
		`gatesock +30\.0 ms .* 5\.0 ms \(0\.0–10\.0\) +40\.0 ms \(20\.0–45\.0\) +0\.75 \(0\.25–1\.00\)`,
		out.String(),
	)
}
