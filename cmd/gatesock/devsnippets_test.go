//go:build !race && unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// echoApp is an application for the snippets of docs/emulator.md.
func echoApp(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"serverless.yml": `service: echo
provider:
  name: aws
  runtime: nodejs22.x
functions:
  echo:
    handler: app.handler
    events:
      - websocket: $connect
      - websocket: {route: echo, routeResponseSelectionExpression: $default}
`,
		"app.js": "exports.handler = async (event) => ({ statusCode: 200, body: event.body });\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	return folder
}

// snippet returns the one snippet in a language on a page.
func snippet(t *testing.T, page, language string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)\n```"+language+"\n(.*?)\n```\n").FindAllStringSubmatch(string(text), -1)
	require.Len(t, found, 1, language)
	return found[0][1] + "\n"
}

// needed returns the path of a program that scripts/need finds.
func needed(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "../../scripts/need", name).Output()
	require.NoError(t, err, name)
	return string(out[:len(out)-1])
}

// checkPython connects, which the snippet leaves to a library, and expects an echo.
const checkPython = `
import socket
import urllib.parse

with gatesock_dev() as url:
    at = urllib.parse.urlsplit(url)
    s = socket.create_connection((at.hostname, at.port))
    s.sendall((
        f"GET {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode())
    f = s.makefile("rb")
    assert b" 101 " in f.readline()
    while f.readline().strip():
        pass
    text = b'{"action":"echo"}'
    s.sendall(bytes([0x81, 0x80 + len(text), 0, 0, 0, 0]) + text)
    assert f.read(2 + len(text)) == bytes([0x81, len(text)]) + text
print("echoed")
`

// TestSnippetsOfTheEmulatorsPage runs the snippets for tests in other languages, with this command
// as gatesock.
func TestSnippetsOfTheEmulatorsPage(t *testing.T) {
	t.Parallel()
	const page = "../../docs/emulator.md"
	self, err := os.Executable()
	require.NoError(t, err)
	bin, home := t.TempDir(), t.TempDir()
	start := "#!/bin/sh\n" + asTool + "=1 exec '" + self + "' \"$@\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "gatesock"), []byte(start), 0o700)) //nolint:gosec // a program
	app := echoApp(t)
	node := needed(t, "node")
	for name, c := range map[string]struct {
		text    string
		command []string
		says    string
	}{
		"echo.test.mjs": {
			snippet(t, page, "js"), []string{node, "--experimental-websocket", "--test", "echo.test.mjs"}, "pass 1",
		},
		"check.py": {snippet(t, page, "python") + checkPython, []string{needed(t, "python3"), "check.py"}, "echoed"},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(app, name), []byte(c.text), 0o600))
		run := exec.CommandContext(t.Context(), c.command[0], c.command[1:]...) //nolint:gosec // of this table
		run.Dir = app
		run.Env = []string{
			"PATH=" + bin + ":" + filepath.Dir(node) + ":/usr/bin:/bin", "HOME=" + home, "TMPDIR=" + t.TempDir(),
		}
		out, err := run.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
		require.Contains(t, string(out), c.says, name)
	}
}
