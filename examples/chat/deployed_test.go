//go:build !race && linux

package chat_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/examples/chat/idp"
	"github.com/gatesock/gatesock/wstest"
)

// TestTheDeployedChat runs the tests of everywhere_test.go against a chat that is another process:
// the program for Lambda, its table, and its authorizer, which gets tokens of a provider over HTTP.
// On Linux, Go programs trust the certificates of SSL_CERT_FILE.
func TestTheDeployedChat(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String() + "/idp"
	provider, err := idp.New(idp.Config{Issuer: issuer, Audience: "chat", ClientID: "chat", Origins: []string{origin}})
	require.NoError(t, err)
	server.Config.Handler = provider
	server.Start()
	t.Cleanup(server.Close)
	stage := deploy(t, issuer)
	tests := []string{
		"TestSayReachesAllAndTheHistory", "TestTypingReachesTheOthers", "TestWhoEntersSeesTheOthersAndIsSeen", "TestRoomsAreApart",
		"TestStrangersStayOut",
	}
	for scheme, address := range map[string]string{"ws": stage.URL, "wss": stage.TLS} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tests, runAt(t, address, tests,
				"CHAT_TEST_ISSUER="+issuer, "SSL_CERT_FILE="+stage.authority))
		})
	}
	t.Run("a certificate that nobody knows", func(t *testing.T) {
		t.Parallel()
		require.Empty(t, runAt(t, stage.TLS, tests, "CHAT_TEST_ISSUER="+issuer, "SSL_CERT_FILE=", "SSL_CERT_DIR="))
	})
}

// runAt runs tests of this package at a stage, in a process of their own, and returns those that
// pass there.
func runAt(t *testing.T, address string, tests []string, env ...string) (passed []string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run=^("+strings.Join(tests, "|")+")$/^deployed$")
	cmd.Env = append(append(os.Environ(), wstest.StageVariable+"="+address), env...)
	out, err := cmd.CombinedOutput()
	for _, name := range tests {
		m := regexp.MustCompile(`(?m)^ *--- (\w+): ` + name + `/deployed `).FindSubmatch(out)
		require.NotNil(t, m, "%s: %v\n%s", name, err, out)
		if string(m[1]) == "PASS" {
			passed = append(passed, name)
		}
	}
	require.Equal(t, len(passed) < len(tests), err != nil, "%v\n%s", err, out)
	if err != nil {
		t.Logf("%s", out)
	}
	return passed
}

// stage is where a chat is deployed.
type stage struct {
	URL, TLS  string
	authority string // the file with the certificate
}

// deploy runs gatesock dev with the program for Lambda until the test ends.
func deploy(t *testing.T, issuer string) stage {
	t.Helper()
	config, cache := t.TempDir(), t.TempDir()
	shareDynamoDB(t, filepath.Join(cache, "gatesock"))
	build, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	require.NoError(t, err)
	dev := exec.CommandContext(context.Background(), buildCommand(t), "dev", "./cmd/lambda", "--port", "0", "--log", "json",
		"--parameter", "ISSUER="+issuer, "--parameter", "AUDIENCE=chat", "--parameter", "ORIGINS="+origin)
	problems := new(bytes.Buffer)
	dev.Stderr = problems
	dev.Env = append(os.Environ(), "XDG_CONFIG_HOME="+config, "XDG_CACHE_HOME="+cache, "GOCACHE="+strings.TrimSpace(string(build)))
	out, err := dev.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, dev.Start())
	lines := bufio.NewScanner(out)
	stop := context.AfterFunc(t.Context(), func() { _ = dev.Process.Kill() })
	defer stop()
	var ready struct {
		Kind      string
		Addresses []stage
	}
	for ready.Kind != "ready" {
		require.True(t, lines.Scan(), "%s", problems)
		require.NoError(t, json.Unmarshal(lines.Bytes(), &ready))
	}
	printed := make(chan string)
	go func() {
		var all strings.Builder
		for lines.Scan() { // else the command would wait until it can print what it does
			all.WriteString(lines.Text() + "\n")
		}
		printed <- all.String()
	}()
	t.Cleanup(func() {
		require.NoError(t, dev.Process.Signal(os.Interrupt))
		if log := <-printed; t.Failed() {
			t.Log(log)
		}
		require.NoError(t, dev.Wait(), "%s", problems)
	})
	at := ready.Addresses[0]
	at.authority = filepath.Join(config, "gatesock", "ca.pem")
	return at
}

// shareDynamoDB lets gatesock dev find the DynamoDB Local of this repository's tests in its cache.
func shareDynamoDB(t *testing.T, cache string) {
	t.Helper()
	prepare := exec.CommandContext(t.Context(), "../../scripts/dynamodb-local", "--prepare")
	out, err := prepare.CombinedOutput()
	require.NoError(t, err, "%s", out)
	programs, err := filepath.Glob("../../.cache/dynamodb/*/DynamoDBLocal.jar")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(cache, 0o700))
	for _, program := range programs {
		folder, err := filepath.Abs(filepath.Dir(program))
		require.NoError(t, err)
		require.NoError(t, os.Symlink(folder, filepath.Join(cache, filepath.Base(folder))))
	}
}
