package gatesock_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// TestStartOutsideLambda runs this test's own binary as a program that calls Start.
func TestStartOutsideLambda(t *testing.T) {
	t.Parallel()
	if os.Getenv("GATESOCK_TEST_START") != "" {
		gatesock.Start(gatesock.New())
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStartOutsideLambda$")
	cmd.Env = append(os.Environ(), "GATESOCK_TEST_START=1", "AWS_LAMBDA_RUNTIME_API=")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), "%v", err)
	require.Equal(t, 2, exit.ExitCode())
	require.Contains(t, string(out), "AWS_LAMBDA_RUNTIME_API is not set")
	require.Contains(t, string(out), "if gatesock.InLambda() {")
	require.Contains(t, string(out), "emulator.ListenAndServe(ctx, ")
	require.Contains(t, string(out), "GATESOCK_DESCRIBE=1")
}

// TestStartInLambda serves one event over the runtime API of Lambda.
func TestStartInLambda(t *testing.T) {
	t.Parallel()
	if os.Getenv("GATESOCK_TEST_LAMBDA") != "" {
		gatesock.Start(gatesock.New())
		return
	}
	api := newRuntimeAPI(t, event(gatesock.EventConnect, "$connect", ""))
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStartInLambda$")
	cmd.Env = append(os.Environ(), "GATESOCK_TEST_LAMBDA=1", "AWS_LAMBDA_RUNTIME_API="+api.address)
	require.NoError(t, cmd.Start())
	require.Equal(t, `{"statusCode":200}`, <-api.response)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
}
