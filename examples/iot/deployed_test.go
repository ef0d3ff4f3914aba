//go:build !race && unix

package iot_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/cloudformation"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/wstest"
)

// TestTheDeployedApp runs the tests of everywhere_test.go, in a process of their own, against the
// program for Lambda, with the API of its template, its table and its authorizer. The tests make
// their keys in the table.
func TestTheDeployedApp(t *testing.T) {
	t.Parallel()
	tests := []string{"TestInstructionsThatAreRefused", "TestWhoMaySendAResult", "TestUnknownDevicesCannotConnect"}
	address, table, environment := deploy(t)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run=^("+strings.Join(tests, "|")+")$/^deployed$")
	cmd.Env = append(append(os.Environ(), environment...), wstest.StageVariable+"="+address, "IOT_TEST_TABLE="+table)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, name := range tests {
		require.Regexp(t, regexp.MustCompile(`(?m)^ *--- PASS: `+name+`/deployed `), string(out))
	}
	keys, _, err := dynamo.Open(dynamotest.Local(t), table).APIKeys().List(t.Context(), "", 10)
	require.NoError(t, err)
	require.Empty(t, keys, "the tests have deleted their keys")
}

// deploy serves the program for Lambda until the test ends. It returns its address, its table, and
// the variables by which other processes find the table.
func deploy(t *testing.T) (address, table string, environment []string) {
	t.Helper()
	client := dynamotest.Local(t)
	table = "iot-" + rand.Text()
	require.NoError(t, dynamo.Open(client, table).CreateTable(t.Context()))
	environment = []string{
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=gatesock", "AWS_SECRET_ACCESS_KEY=gatesock",
		"AWS_ENDPOINT_URL_DYNAMODB=" + *client.Options().BaseEndpoint,
	}
	cfg, err := cloudformation.Read([]byte(makeTemplate(t)))
	require.NoError(t, err)
	cfg.Logger = slog.New(slog.DiscardHandler)
	program := filepath.Join(t.TempDir(), "bootstrap")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "lambda.norpc", "-o", program, "./cmd/lambda")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	function, err := runtimeapi.New(runtimeapi.Config{}) // which waits for the address
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, function.Close(context.Background())) })
	gateway, err := emulator.New(function, cfg)
	require.NoError(t, err)
	server, err := emulator.Serve(t.Context(), gateway, "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close(context.Background())) })
	require.NoError(t, function.Replace(runtimeapi.Config{
		Command: []string{program},
		Env: append(environment, "TABLE="+table, "GATEWAY_ENDPOINT="+server.Endpoint,
			"IOT_ENDPOINT=https://example-ats.iot.us-east-1.amazonaws.com"), // for devices that speak MQTT
		Log: func(line runtimeapi.Line) {
			if !strings.HasPrefix(line.Text, `{"_aws":`) { // metrics
				t.Log(line.Text)
			}
		},
	}))
	return server.URL, table, environment
}
