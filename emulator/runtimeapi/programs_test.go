package runtimeapi_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

// programs are the programs that the test's own binary can be, by name.
var programs = map[string]func(){
	"echo": func() {
		lambda.Start(func(_ context.Context, in json.RawMessage) (json.RawMessage, error) { return in, nil })
	},
}

// program returns the configuration of a function that runs one of the programs.
func program(t testing.TB, name string) runtimeapi.Config {
	t.Helper()
	require.Contains(t, programs, name)
	binary, err := os.Executable()
	require.NoError(t, err)
	return runtimeapi.Config{Command: []string{binary}, Env: []string{childVariable + "=" + name}}
}

// start returns a function, which is closed at the end of the test.
func start(t testing.TB, cfg runtimeapi.Config) *runtimeapi.Function {
	t.Helper()
	f, err := runtimeapi.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close(context.Background())) })
	return f
}
