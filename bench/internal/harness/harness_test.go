package harness_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/bench/internal/harness"
	"github.com/gatesock/gatesock/bench/internal/harness/harnesstest"
)

func TestMain(m *testing.M) { harnesstest.Main(m, command()) }

// command has one role, which answers with its order and then with that order's length.
func command() harness.Command {
	return harness.Command{
		Name: "parrot",
		Run: func(_ context.Context, args []string, _ io.Writer) error {
			return harness.Parse(flag.NewFlagSet("parrot", flag.ContinueOnError), args)
		},
		Roles: map[string]func(context.Context, []string, io.Reader, io.Writer) error{
			"repeat": func(_ context.Context, args []string, in io.Reader, out io.Writer) error {
				var order string
				if err := harness.ReadOrder("repeat", args, &order); err != nil {
					return err
				}
				return harness.Serve(in, out, order, map[string]func() any{"length": func() any { return len(order) }})
			},
		},
	}
}

func TestChild(t *testing.T) {
	t.Parallel()
	var got string
	c, err := harness.StartReady(t.Context(), "repeat", "hello", &got)
	require.NoError(t, err)
	defer c.Kill()
	require.Equal(t, "hello", got)
	require.NotEqual(t, os.Getpid(), c.PID())
	var n int
	require.NoError(t, c.Ask("length", &n))
	require.Equal(t, 5, n)
	took, err := c.End()
	require.NoError(t, err)
	require.Positive(t, took)
}

// A child that fails is gone, and its error names the role.
func TestChildThatFails(t *testing.T) {
	t.Parallel()
	_, err := harness.StartReady(t.Context(), "repeat", 5, new(string))
	require.ErrorContains(t, err, "reading from repeat")
	_, err = harness.Start(t.Context(), "repeat", func() {})
	require.Error(t, err, "an order must be JSON")
}

func TestCommandRefuses(t *testing.T) {
	t.Parallel()
	harnesstest.Refuses(t, command(), map[string]string{
		"word": `"word"`, "-flag": "not defined", "repeat": "usage: repeat ORDER", "repeat x": "reading the order",
	})
	err := command().Play(t.Context(), []string{"repeat", `"x"`}, strings.NewReader("width\n"), io.Discard)
	require.ErrorContains(t, err, `unknown question "width"`)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestServeFailsWithItsReader(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, harness.Serve(strings.NewReader(""), brokenWriter{}, 1, nil), "broken pipe")
}

func TestProfile(t *testing.T) {
	t.Parallel()
	stop, err := harness.Profile("")
	require.NoError(t, err)
	stop()
	_, err = harness.Profile("/nowhere/at/all")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	out.WriteString("title\n\n a   b\nc\n")
	require.Equal(t, []string{"a b", "c"}, harnesstest.Lines(out.String()))
}
