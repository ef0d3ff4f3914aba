package emulator_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

// A program that was started to describe itself does not listen. The test runs its own binary as
// such a program.
func TestProgramsDescribeThemselves(t *testing.T) {
	t.Parallel()
	newRouter := func() *gatesock.Router {
		r := gatesock.New()
		gatesock.HandleReply(r, "greet", func(context.Context, *gatesock.Request, any) (string, error) { return "hello", nil })
		return r
	}
	for name, serve := range map[string]func() error{
		"ListenAndServe": func() error {
			return emulator.ListenAndServe(t.Context(), "127.0.0.1:0", newRouter(), emulator.Config{})
		},
		"ListenAndServeFunc": func() error {
			return emulator.ListenAndServeFunc(t.Context(), "127.0.0.1:0",
				func(gatesock.ConnectionsAPI) (lambda.Handler, error) { return newRouter(), nil }, emulator.Config{})
		},
	} {
		if os.Getenv("GATESOCK_TEST_DESCRIBE") == name {
			require.NoError(t, serve())
			return
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProgramsDescribeThemselves$")
			cmd.Env = append(os.Environ(), "GATESOCK_TEST_DESCRIBE="+name, "GATESOCK_DESCRIBE=1")
			out, err := cmd.Output()
			require.NoError(t, err)
			var document struct{ Routes []struct{ Key string } }
			require.NoError(t, json.Unmarshal(out, &document))
			require.Contains(t, document.Routes, struct{ Key string }{"greet"})
		})
	}
}
