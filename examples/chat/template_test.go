//go:build !race

package chat_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/wstest"
)

// TestTheTemplateAlone runs the other tests again. Then the routes, the route responses, the
// authorizer and the MOCK route keepalive come from the templates that "gatesock template" makes of
// the chat, and from nothing else: broken templates make tests fail. The race detector sees those
// tests without templates.
func TestTheTemplateAlone(t *testing.T) {
	t.Parallel()
	command := buildCommand(t)
	pass := func(t *testing.T, made string) {
		t.Helper()
		t.Parallel()
		passed, failed := rerun(t, made, "-test.skip=^TestTheTemplateAlone$|Table|Process|Restart|Kill|Sweep|Description|Document|Operations")
		require.Empty(t, failed)
		require.Subset(t, passed, []string{
			"TestSayReachesAllAndTheHistory", "TestBadInputIsAnsweredAndTheConnectionGoesOn", "TestLeave",
			"TestKeepAliveKeepsAnIdleConnectionOpen", "TestWhoDoesNotSignInStaysOut", "TestALimitIsForAPerson",
		})
		require.Greater(t, len(passed), 20)
	}
	made := makeTemplates(t, command, "cloudformation")
	t.Run("as made", func(t *testing.T) { pass(t, made) })
	t.Run("as made for SAM", func(t *testing.T) { pass(t, makeTemplates(t, command, "sam")) })
	for name, broken := range map[string]struct {
		template string
		edit     func(text string) string
		fails    string // the only one of these tests
		tests    []string
	}{
		"no route response of say": {
			"signin", without("SayRouteResponse"), "TestSayReachesAllAndTheHistory",
			[]string{"TestWhoEntersSeesTheOthersAndIsSeen", "TestKeepAliveKeepsAnIdleConnectionOpen"},
		},
		"no route response of unsubscribe": {
			"open", without("UnsubscribeRouteResponse"), "TestLeave", []string{"TestSayReachesAllAndTheHistory"},
		},
		"no selection of the route response of unsubscribe": {
			"open", replaced(`( *RouteKey: unsubscribe\n.*\n) *RouteResponseSelectionExpression: .*\n`, "$1"), "TestLeave",
			[]string{"TestSayReachesAllAndTheHistory"},
		},
		"no route $default": {
			"open", without("DefaultRoute", "DefaultRouteResponse"), "TestBadInputIsAnsweredAndTheConnectionGoesOn",
			[]string{"TestLeave"},
		},
		"no MOCK route": {
			"open", without("KeepaliveRoute", "KeepaliveRouteResponse"), "TestKeepAliveKeepsAnIdleConnectionOpen",
			[]string{"TestSyncKeepsAnIdleConnectionOpen"},
		},
		"no route response of the MOCK route": {
			"open", without("KeepaliveRouteResponse"), "TestKeepAliveKeepsAnIdleConnectionOpen",
			[]string{"TestSyncKeepsAnIdleConnectionOpen"},
		},
		"another frame of the MOCK route": {
			"open", replaced(`( *"200": '.*"data":)null`, "${1}0"), "TestKeepAliveKeepsAnIdleConnectionOpen",
			[]string{"TestSyncKeepsAnIdleConnectionOpen"},
		},
		// All messages come by $default then, where the Router finds their routes by itself.
		"another selection of routes": {
			"open", replaced(`( *RouteSelectionExpression: ).*\n`, "${1}$$request.body.type\n"),
			"TestKeepAliveKeepsAnIdleConnectionOpen",
			[]string{"TestSyncKeepsAnIdleConnectionOpen"},
		},
		"no authorizer": {
			"signin", replaced(` *AuthorizationType: CUSTOM\n *AuthorizerId: .*\n`, ""), "TestRoomsForStaff",
			[]string{"TestLeave"},
		},
		"another identity source": {
			"signin", replaced(`( *)AuthorizerType: REQUEST\n`, "$0${1}IdentitySource: [route.request.header.X-Secret]\n"),
			"TestRoomsForStaff",
			[]string{"TestLeave"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			require.NoError(t, os.CopyFS(folder, os.DirFS(made)))
			file := filepath.Join(folder, broken.template)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			edited := broken.edit(string(text))
			require.NotEqual(t, string(text), edited)
			require.NoError(t, os.WriteFile(file, []byte(edited), 0o600))
			// Over loopback a test waits for what never comes.
			passed, failed := rerun(t, folder, "-test.skip=/^loopback$",
				"-test.run=^("+strings.Join(append(broken.tests, broken.fails), "|")+")$")
			require.Equal(t, []string{broken.fails}, failed)
			require.ElementsMatch(t, broken.tests, passed)
		})
	}
}

// rerun runs tests of this package with templates, and returns the names of those that pass and of
// those that fail.
func rerun(t *testing.T, folder string, flags ...string) (passed, failed []string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, append(flags, "-test.v")...)
	cmd.Env = append(os.Environ(), templates+"="+folder)
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

// makeTemplates returns a folder with the templates of the chat: "open", without sign-in, and
// "signin", that of cmd/lambda.
func makeTemplates(t *testing.T, command, format string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	app, ok := gatesock.AppOf(chat.NewInMemory(wstest.NewRecorder()).Handler())
	require.True(t, ok)
	open, err := json.Marshal(app.Describe())
	require.NoError(t, err)
	for name, args := range map[string][]string{"open": {"--from", "-"}, "signin": {"./cmd/lambda"}} {
		cmd := exec.CommandContext(t.Context(), command, append([]string{"template", "--name", "chat", "--format", format}, args...)...)
		var problems strings.Builder
		cmd.Stdin, cmd.Stderr = bytes.NewReader(open), &problems
		text, err := cmd.Output()
		require.NoError(t, err, "%s", &problems)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), text, 0o600))
	}
	return folder
}

// without returns an edit that removes resources.
func without(ids ...string) func(string) string {
	return func(text string) string {
		for _, id := range ids {
			text = replaced(`  `+id+`:\n(    .*\n|\n)+`, "")(text)
		}
		return text
	}
}

// replaced returns an edit of the only place that matches an expression.
func replaced(expression, by string) func(string) string {
	return func(text string) string {
		e := regexp.MustCompile(`(?m)^` + expression)
		if len(e.FindAllString(text, -1)) != 1 {
			return text
		}
		return e.ReplaceAllString(text, by)
	}
}
