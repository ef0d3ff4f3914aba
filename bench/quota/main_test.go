package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestMain is also the client process that the command starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == roleClient {
		main()
		return
	}
	// Under the race detector every process would wait for a second before it exits.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// The measurement itself checks that every post arrived.
func TestReport(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	var out bytes.Buffer
	args := strings.Fields("-share 0 -rounds 2 -length 20ms -posts 8 -concurrency 2 -payload 10 -with again=" + self)
	require.NoError(t, run(t.Context(), args, &out))
	for _, want := range append(loadNames(), "no quota", "2 rounds", "CPU a post") {
		require.Contains(t, out.String(), want)
	}
	for _, client := range []string{"direct", "nethttp", "again"} {
		require.Equal(t, len(loadNames()), strings.Count(out.String(), "\n"+client+" "), out.String())
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-rounds 0":      "positive",
		"-loads x":       `unknown load "x"`,
		"-with x":        "want LABEL=FILE",
		"more":           "unexpected argument",
		"-concurrency 0": "positive",
	} {
		_, err := parseSettings(strings.Fields(args))
		require.ErrorContains(t, err, want)
	}
}
