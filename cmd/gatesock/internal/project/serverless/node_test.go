package serverless_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project/serverless"
)

// write makes files in a new folder, whose first one it returns the path of.
func write(t *testing.T, namesAndTexts ...string) string {
	t.Helper()
	folder, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for i := 0; i < len(namesAndTexts); i += 2 {
		file := filepath.Join(folder, filepath.FromSlash(namesAndTexts[i]))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(namesAndTexts[i+1]), 0o600))
	}
	return filepath.Join(folder, filepath.FromSlash(namesAndTexts[0]))
}

func read(t *testing.T, file string) (*project.Project, error) {
	t.Helper()
	return serverless.Read(t.Context(), file, serverless.Options{Env: map[string]string{}})
}

func TestScriptsThatFail(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"module.exports = {":                                         "SyntaxError: Unexpected end of input (serverless.js:1)",
		"\n  throw new TypeError('no good');":                        "TypeError: no good (serverless.js:2:9)",
		"module.exports = async () => { throw 'a text' }":            "a text",
		"console.error('sorry'); process.exit(3);":                   "the Node.js that ran it has ended: sorry",
		"module.exports = () => {}":                                  "there is no configuration of a service in it",
		"module.exports = 'text'":                                    "there is no configuration of a service in it",
		"module.exports = {a: 1}; module.exports.b = module.exports": "its property b contains itself",
		"require('./none')":                                          "Cannot find module './none'",
		"setTimeout(() => { throw new Error('late') }); module.exports = new Promise(() => {})": "late (serverless.js:1:26)",
		"Promise.reject(new Error('nobody waits')); module.exports = new Promise(() => {})":     "nobody waits (serverless.js:1:16)",
		"module.exports = async ({resolveVariable}) => resolveVariable('nothing')":              `"nothing" is not a variable`,
		"module.exports = async ({resolveVariable}) => resolveVariable('self:x, ')":             "a source is missing",
		"module.exports = async () => ({provider: {name: 'google'}})":                           `the provider is "google"`,
		"process.stdout.write('{\"id\":1}\\n'); module.exports = undefined":                     "there is no configuration of a service in it",
	} {
		_, err := read(t, write(t, "serverless.js", code))
		require.ErrorContains(t, err, want, code)
		require.NotContains(t, err.Error(), "\n", code)
	}
}

func TestScripts(t *testing.T) {
	t.Parallel()
	const service = "service: 'esm', provider: 'aws', functions: {f: {handler: 'app.f', events: [{websocket: '$default'}]}}"
	for _, files := range [][]string{
		{"serverless.mjs", "import name from './lib.mjs'; export default {" + service + ", name}", "lib.mjs", "export default 'lib'"},
		{"serverless.js", "export default async () => ({" + service + "})", "package.json", `{"type": "module"}`},
		{"serverless.cjs", "exports.default = {" + service + "}; exports.__esModule = true"},
		{"serverless.json", "{\t" + strings.NewReplacer("'", `"`, "service", `"service"`, "provider", `"provider"`, "functions", `"functions"`,
			"{f:", `{"f":`, "handler", `"handler"`, "events", `"events"`, "websocket", `"websocket"`).Replace(service) + "\t}"},
	} {
		p, err := read(t, write(t, append(files, "app.js", "exports.f = () => {}")...))
		require.NoError(t, err, files[0])
		require.Equal(t, "esm-dev-f", p.Functions[0].Name, files[0])
		require.Empty(t, p.Findings, files[0])
	}
}

func TestOneGoProgram(t *testing.T) {
	t.Parallel()
	const service = "{service: x, provider: {name: aws, runtime: provided.al2023}, functions: {f: " +
		"{handler: bootstrap, events: [{websocket: $default}]}}}"
	file := write(t, "serverless.yml", service, "app/main.go", "package main", "lib/lib.go", "package lib", "vendor/v/v.go", "package main")
	p, err := read(t, file)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(filepath.Dir(file), "app"), p.Functions[0].Package)
	p, err = read(t, write(t, "serverless.yml", service, "a/main.go", "package main", "b/main.go", "package main"))
	require.NoError(t, err)
	require.Empty(t, p.Functions[0].Package)
	require.Len(t, p.Findings, 1)
	require.Equal(t, "There is no bootstrap, and no folder of a Go program called f; build the function, or name the folder of its "+
		"source like its binary.", p.Findings[0].Text)
}

func TestTypeScriptWithoutCompiler(t *testing.T) {
	t.Parallel()
	supported, err := exec.CommandContext(t.Context(), "node", "-p", "!!process.features.typescript").Output()
	require.NoError(t, err, "Node.js is needed")
	file := write(t, "serverless.ts",
		"import { name } from 'src/name';\nexport default { service: name as string, provider: { name: 'aws' } };",
		"src/name.ts", "export const name: string = 'ts';", "tsconfig.json", `{"compilerOptions": {"baseUrl": "."}}`)
	p, err := read(t, file)
	if strings.TrimSpace(string(supported)) == "true" {
		require.NoError(t, err)
		require.Equal(t, "ts-dev", p.StackName)
		return
	}
	require.ErrorContains(t, err, "does not run TypeScript. Install esbuild in the project")
}

func TestNodeIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := read(t, write(t, "serverless.js", "module.exports = {}"))
	require.ErrorContains(t, err, "serverless.js: it needs Node.js, and there is no node in the PATH")
	p, err := read(t, write(t, "serverless.yml", "service: ${file(a.js)}\nprovider: aws", "a.js", ""))
	require.NoError(t, err)
	require.Equal(t, "The file a.js cannot be read: it needs Node.js, and there is no node in the PATH; install Node.js 20 or later.",
		p.Findings[0].Text)
}

func TestReadEndsWithContext(t *testing.T) {
	t.Parallel()
	// The script connects when it runs, and then runs for ever.
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	file := write(t, "serverless.js", fmt.Sprintf(
		"module.exports = new Promise(() => require('net').connect(%d, '127.0.0.1', () => { for (;;) {} }))",
		listener.Addr().(*net.TCPAddr).Port))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer cancel()
		if conn, err := listener.Accept(); err == nil {
			conn.Close()
		}
	}()
	_, err = serverless.Read(ctx, file, serverless.Options{Env: map[string]string{}})
	require.ErrorIs(t, err, context.Canceled)
}

func TestNothingToRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                    "there is no configuration of a service in it",
		"[]":                  "there is no configuration of a service in it",
		"a: [":                "line 1: did not find expected node content",
		"a: *nothing":         "unknown anchor 'nothing' referenced",
		"a: &a {b: *a}":       "line 1: the anchor a contains itself",
		"provider: {name: x}": `the provider is "x"; only aws has WebSocket APIs`,
		strings.Repeat("[", 200) + strings.Repeat("]", 200): "nested too deeply",
		"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + bomb():            "there are too many",
	} {
		_, err := read(t, write(t, "serverless.yml", text))
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "serverless.yml: ")
	}
	_, err := read(t, filepath.Join(t.TempDir(), "serverless.yml"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// bomb returns keys whose aliases stand for 10^9 values.
func bomb() string {
	var b strings.Builder
	for c := 'b'; c <= 'i'; c++ {
		b.WriteString(string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 10), ",") + "]\n")
	}
	return b.String()
}

func TestNoWebSocketAPI(t *testing.T) {
	t.Parallel()
	for _, rest := range []string{"", ", functions: {f: {handler: app.f}}", ", resources: {Resources: {Topic: {Type: AWS::SNS::Topic}}}"} {
		p, err := read(t, write(t, "serverless.yml", "{service: x, provider: aws"+rest+"}", "app.js", ""))
		require.NoError(t, err)
		require.Empty(t, p.APIs)
		var failures []string
		for _, f := range p.Findings {
			if f.Severity == project.Failure {
				failures = append(failures, f.Text)
			}
		}
		require.Equal(t, []string{"No function has a websocket event, so there is no WebSocket API to serve."}, failures)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	require.Empty(t, serverless.Find(t.TempDir()))
	require.Empty(t, serverless.Find(filepath.Dir(write(t, "package.json", `{"name": "x"}`))))
	require.Empty(t, serverless.Find(filepath.Dir(write(t, "package.json", `{`))))
	require.Empty(t, serverless.Find(filepath.Dir(write(t, "serverless.yml/x", ""))))
	folder := filepath.Dir(write(t, "serverless.ts", "", "package.json", `{"serverless": {}}`))
	require.Equal(t, filepath.Join(folder, "serverless.ts"), serverless.Find(folder))
	folder = filepath.Dir(write(t, "package.json", `{"serverless": {"service": "x"}}`))
	require.Equal(t, filepath.Join(folder, "package.json"), serverless.Find(folder))
}
