// Package harnesstest tests commands of package harness.
package harnesstest

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

// Main is a TestMain that also plays the roles in which the command starts itself: in a test it
// starts the test binary.
func Main(m *testing.M, c harness.Command) {
	if len(os.Args) > 1 && c.Roles[os.Args[1]] != nil {
		c.Main()
		return
	}
	// Otherwise each process waits for a second before it exits under the race detector.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// Refuses requires an error with a text for each list of arguments, and none for -h.
func Refuses(t *testing.T, c harness.Command, errors map[string]string) {
	t.Helper()
	play := func(args ...string) error {
		return c.Play(t.Context(), args, strings.NewReader(""), io.Discard)
	}
	for args, text := range errors {
		require.ErrorContains(t, play(strings.Fields(args)...), text, args)
	}
	require.NoError(t, play("-h"))
}

// Interrupts requires that a command returns when its context has ended.
func Interrupts(t *testing.T, c harness.Command, args []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.Play(ctx, args, nil, io.Discard), context.Canceled)
}

// Lines returns the lines after the first empty one, with single spaces between words.
func Lines(text string) []string {
	_, table, _ := strings.Cut(text, "\n\n")
	var lines []string
	for line := range strings.Lines(table) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}
