package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTemplate(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"cloudformation": "Type: AWS::ApiGatewayV2::RouteResponse",
		"sam":            "Transform: AWS::Serverless-2016-10-31",
		"terraform":      `resource "aws_apigatewayv2_route_response"`,
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			out, problems, status := here(t, "", "template", "--from", chatDescription, "--format", format, "--name", "talk")
			require.Zero(t, status, "%s", problems)
			require.Empty(t, problems)
			require.Regexp(t, `^# gatesock template sha256=`, out)
			require.Contains(t, out, want)
			require.Contains(t, out, "talk")
			again, _, _ := here(t, "", "template", "--from", chatDescription, "--format", format, "--name", "talk")
			require.Equal(t, out, again)
		})
	}
}

func TestTemplateOptions(t *testing.T) {
	t.Parallel()
	out, problems, status := here(t, "", "template", "--from", chatDescription, "--memory", "1024", "--function-timeout", "45",
		"--architecture", "x86_64", "--function", "connect=$connect, $disconnect,authorizer", "--function", "relay=sqs")
	require.Zero(t, status, "%s", problems)
	for _, want := range []string{"MemorySize: 1024", "Timeout: 45", "x86_64", "ConnectFunction:", "RelayFunction:", "AppFunction:"} {
		require.Contains(t, out, want)
	}
}

func TestTemplateWithoutAlarms(t *testing.T) {
	t.Parallel()
	for format, alarm := range map[string]string{
		"cloudformation": "AWS::CloudWatch::Alarm", "sam": "AWS::CloudWatch::Alarm", "terraform": "aws_cloudwatch_metric_alarm",
	} {
		args := []string{"template", "--from", chatDescription, "--format", format}
		out, problems, status := here(t, "", args...)
		require.Zero(t, status, "%s", problems)
		require.Contains(t, out, alarm)
		out, problems, status = here(t, "", append(args, "--no-alarms")...)
		require.Zero(t, status, "%s", problems)
		require.NotContains(t, strings.ToLower(out), "alarm")
	}
}

// TestTemplateFile checks that a template that was edited by hand is not lost.
func TestTemplateFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "template.yaml")
	write := func(more ...string) (string, int) {
		out, problems, status := here(t, "", append([]string{"template", "--from", chatDescription, "--name", "talk", "-o", path}, more...)...)
		require.Empty(t, out)
		return strings.ReplaceAll(problems, path, "FILE"), status
	}
	says, status := write()
	require.Equal(t, "gatesock: wrote FILE\n", says)
	require.Zero(t, status)
	says, status = write()
	require.Equal(t, "gatesock: FILE is up to date\n", says)
	require.Zero(t, status)
	says, status = write("--format", "sam")
	require.Equal(t, "gatesock: wrote FILE\n", says, "what the command has written may be replaced")
	require.Zero(t, status)

	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("# by hand\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	says, status = write()
	require.Equal(t, "gatesock: FILE was edited by hand since gatesock template wrote it: move what you have added to a file of its own, "+
		"or use --force to overwrite it\n", says)
	require.Equal(t, failed, status)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(text), "# by hand\n"))
	says, status = write("--force")
	require.Equal(t, "gatesock: wrote FILE\n", says)
	require.Zero(t, status)

	require.NoError(t, os.WriteFile(path, []byte("package main\n"), 0o600))
	says, status = write()
	require.Contains(t, says, "gatesock: FILE was not written by gatesock template: choose another file, or use --force to overwrite it\n")
	require.Equal(t, failed, status)
}

func TestTemplateFailures(t *testing.T) {
	t.Parallel()
	const colliding = `{"version":1,"envelope":{"action":"action","id":"id","data":"data","error":"error","event":"event",` +
		`"topic":"topic"},"routes":[{"key":"room.join","answer":"ack"},{"key":"room-join","answer":"ack"},` +
		`{"key":"a.b","answer":"ack"},{"key":"a-b","answer":"ack"}]}`
	for _, c := range []struct {
		stdin string
		args  []string
		want  []string // lines
	}{
		{`{"version":99}`, nil, []string{"standard input: the description is of a later version: it has version 99"}},
		{colliding, nil, []string{`room.join`, `a.b`}},
		{colliding, []string{"--format", "sam"}, []string{`room.join`, `a.b`}},
		{colliding, []string{"--name", "9", "--memory", "1"}, []string{`the name "9" of the service must begin with a letter`, "1 MB of memory"}},
		{colliding, []string{"--function", "app=none"}, []string{`none`}},
	} {
		out, problems, status := here(t, c.stdin, append([]string{"template", "--from", "-"}, c.args...)...)
		require.Equal(t, failed, status, "%s", problems)
		require.Empty(t, out)
		lines := strings.Split(strings.TrimSpace(problems), "\n")
		for _, line := range lines {
			require.Regexp(t, `^gatesock: `, line)
			require.NotContains(t, line, "stack: ")
		}
		for _, want := range c.want {
			require.Contains(t, problems, want)
		}
		if len(c.args) > 0 && c.args[0] == "--name" {
			require.Len(t, lines, 2, "each mistake has a line")
		}
	}
}
