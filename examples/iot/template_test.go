//go:build !race

package iot_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheTemplateAlone runs other tests again. Then the routes, the route responses and the
// authorizer come from the template that "gatesock template" makes of cmd/lambda, and from nothing
// else: a broken template makes tests fail. The race detector sees those tests without templates.
func TestTheTemplateAlone(t *testing.T) {
	t.Parallel()
	template := makeTemplate(t)
	requireParts(t, template)
	tests := []string{
		"TestAReadingReachesTheDashboardsAndTheHistory", "TestACommandIsAcknowledgedAndDone", "TestWhoMaySendAResult",
		"TestInstructionsThatAreRefused",
	}
	passed, failed := rerun(t, template, tests)
	require.Empty(t, failed)
	require.ElementsMatch(t, tests, passed)
	for name, broken := range map[string]struct{ expression, by, fails string }{
		"no route response of result": {
			`  ResultRouteResponse:\n(    .*\n|\n)+`, "", "TestACommandIsAcknowledgedAndDone",
		},
		"no authorizer": {
			` *AuthorizationType: CUSTOM\n *AuthorizerId: .*\n`, "", "TestAReadingReachesTheDashboardsAndTheHistory",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := regexp.MustCompile(`(?m)^` + broken.expression)
			require.Len(t, e.FindAllString(template, -1), 1)
			passed, failed := rerun(t, e.ReplaceAllString(template, broken.by), []string{broken.fails})
			require.Equal(t, []string{broken.fails}, failed)
			require.Empty(t, passed)
		})
	}
}

// requireParts checks what no gateway shows.
func requireParts(t *testing.T, template string) {
	t.Helper()
	for _, part := range []string{
		"FROM '+/+/readings'", "FROM '+/+/results'", "FROM '$aws/events/presence/+/+'",
		"FROM '$aws/events/subscriptions/subscribed/+'",
		"- iot:Publish\n", ":topic/*/*/commands", "IOT_ENDPOINT: ", "TABLE: ", "GATEWAY_ENDPOINT: ",
		"WatchScheduleExpression", "SweepScheduleExpression", "Type: AWS::Lambda::Url", "Type: AWS::DynamoDB::Table",
	} {
		require.Contains(t, template, part)
	}
}

// makeTemplate returns the template of cmd/lambda.
func makeTemplate(t *testing.T) string {
	t.Helper()
	command := filepath.Join(t.TempDir(), "gatesock")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", command, "./cmd/gatesock")
	build.Dir = "../.."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := exec.CommandContext(t.Context(), command, "template", "./cmd/lambda", "--name", "iot")
	var problems strings.Builder
	cmd.Stderr = &problems
	text, err := cmd.Output()
	require.NoError(t, err, "%s", &problems)
	return string(text)
}

// rerun runs tests of this package with a template, and returns the names of those that pass and of
// those that fail.
func rerun(t *testing.T, template string, tests []string) (passed, failed []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "template.yaml")
	require.NoError(t, os.WriteFile(file, []byte(template), 0o600))
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run=^("+strings.Join(tests, "|")+")$")
	cmd.Env = append(os.Environ(), templateVariable+"="+file)
	out, err := cmd.CombinedOutput()
	for _, m := range regexp.MustCompile(`(?m)^--- (PASS|FAIL): (\w+)`).FindAllStringSubmatch(string(out), -1) {
		if m[1] == "PASS" {
			passed = append(passed, m[2])
		} else {
			failed = append(failed, m[2])
		}
	}
	require.Equal(t, err != nil, len(failed) > 0, "%v: %s", err, out)
	if len(failed) > 0 {
		t.Logf("%s", out)
	}
	return passed, failed
}
