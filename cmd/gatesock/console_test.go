package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/intercept"
	"github.com/gatesock/gatesock/emulator"
)

// serveEcho runs an API, and returns its address.
func serveEcho(t *testing.T, cfg emulator.Config) string {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	r := gatesock.New(gatesock.WithLogger(cfg.Logger))
	type text struct {
		Text string `json:"text"`
	}
	gatesock.HandleReply(r, "echo", func(_ context.Context, _ *gatesock.Request, in text) (text, error) { return in, nil })
	gateway, err := emulator.New(r, cfg)
	require.NoError(t, err)
	server, err := emulator.Serve(t.Context(), gateway, "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close(context.Background())) })
	return server.URL
}

const (
	echoed   = `{"action":"echo","id":"1","text":"hi"}`
	answered = `{"id":"1","action":"echo","data":{"text":"hi"}}` + "\n"
)

func TestConsole(t *testing.T) {
	t.Parallel()
	address := serveEcho(t, emulator.Config{})
	out, problems, status := here(t, echoed+"\n", "console", address)
	require.Zero(t, status, problems)
	require.Equal(t, answered, out)
	require.Empty(t, problems)

	out, _, status = here(t, echoed, "console", "http"+strings.TrimPrefix(address, "ws"), "--expect", "1")
	require.Zero(t, status)
	require.Equal(t, answered, out)

	out, problems, status = here(t, "\xff\n"+echoed, "console", address)
	require.Equal(t, failed, status)
	require.Equal(t, answered, out)
	require.Equal(t, "gatesock: line 1 of standard input is not sent: it is not UTF-8\n", problems)

	_, problems, status = here(t, "", "console", "ws://127.0.0.1:1")
	require.Equal(t, failed, status)
	require.Contains(t, problems, "connection refused")
}

func TestConsoleRecordsAndReplays(t *testing.T) {
	t.Parallel()
	address, file := serveEcho(t, emulator.Config{}), filepath.Join(t.TempDir(), "session.jsonl")
	_, problems, status := here(t, echoed, "console", address, "--record", file)
	require.Zero(t, status, problems)
	out, problems, status := here(t, "", "console", address, "--replay", file, "--paced")
	require.Zero(t, status, problems)
	require.Equal(t, answered, out)
	require.Contains(t, problems, "differences: 0")

	_, problems, status = here(t, "", "console", address, "--record", file)
	require.Equal(t, failed, status)
	require.Contains(t, problems, "session.jsonl exists: remove it")
	require.NoError(t, os.WriteFile(file, []byte("hello\n"), 0o600))
	_, problems, status = here(t, "", "console", address, "--replay", file)
	require.Equal(t, failed, status)
	require.Contains(t, problems, "session.jsonl: line 1 is not a record")
	_, problems, status = here(t, "", "console", address, "--from", file)
	require.Equal(t, failed, status)
	require.Contains(t, problems, "session.jsonl")
}

func TestConsoleMisused(t *testing.T) {
	t.Parallel()
	for line, says := range map[string]string{
		"":                                   `expected "<address>"`,
		"localhost:3001":                     `"localhost:3001" is not an address like ws://localhost:3001/dev`,
		"ftp://x":                            `"ftp://x" is not an address`,
		"ws://":                              `"ws://" is not an address`,
		"ws://[":                             `"ws://[" is not an address`,
		"ws://x -H Nothing":                  `--header: "Nothing" is not a header like 'Authorization: Bearer 123'`,
		"ws://x -H :x":                       `--header: ":x" is not a header`,
		"ws://x -H a\x00:x":                  `is not a header`,
		"ws://x -H a:x\ny":                   `is not a header`,
		"ws://x -s a,b":                      `--subprotocol: "a,b" is not one`,
		"ws://x --wait soon":                 `--wait: `,
		"ws://x --wait=-1s":                  `--wait must not be negative`,
		"ws://x --expect=-1":                 `--expect must not be negative`,
		"ws://x --paced":                     `--paced is for --replay`,
		"ws://x --region x":                  `--region and --profile are for --iam`,
		"ws://x --env A=1":                   `--env is for the program of --app`,
		"ws://x --from -":                    `standard input has the messages`,
		"ws://x --app . --from api.json":     `--from replaces the package`,
		"ws://x --replay f --expect 1":       `--expect does not go with --replay`,
		"ws://x -H Sec-WebSocket-Protocol:x": `is what --subprotocol sets`,
	} {
		args := []string{"console"}
		if line != "" {
			args = append(args, strings.Split(line, " ")...)
		}
		_, problems, status := here(t, "", args...)
		require.Equal(t, misused, status, line)
		require.Contains(t, problems, says, line)
	}
}

func TestConsoleSigns(t *testing.T) {
	t.Parallel()
	address := serveEcho(t, emulator.Config{Region: "eu-west-1", IAM: &emulator.IAM{Connect: true, Users: []emulator.IAMUser{
		{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"},
	}}})
	x := newTool(t)
	x.unconfigured()
	_, problems, status := x.run("console", address, "--wait", "0")
	require.Equal(t, failed, status)
	require.Contains(t, problems, "refused: 403 Forbidden")
	require.Contains(t, problems, "use --iam")
	require.Contains(t, x.fails(failed, "console", address, "--iam"), "no AWS region: use --region, or set AWS_REGION")
	require.Contains(t, x.fails(failed, "console", address, "--iam", "--region", "eu-west-1"), "no AWS credentials")
	require.Contains(t, x.fails(misused, "console", address, "--iam", "--region", "a/b"), "is not a region")
	x.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	x.set("AWS_SECRET_ACCESS_KEY", "example")
	_, problems, status = x.run("console", address, "--iam", "--region", "eu-west-1", "--wait", "0", "-H", "X-Other: 1")
	require.Zero(t, status, problems)
	require.Contains(t, x.fails(failed, "console", address, "--iam", "--region", "eu-west-2"), "refused: 403")
}

func TestRegionOf(t *testing.T) {
	t.Parallel()
	require.Equal(t, "eu-central-1", regionOf("a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"))
	require.Equal(t, "cn-north-1", regionOf("a1b2c3d4e5.execute-api.cn-north-1.amazonaws.com.cn"))
	for _, host := range []string{"localhost", "api.example.com", "execute-api.eu-central-1", "a.b.execute-api.x"} {
		require.Empty(t, regionOf(host), host)
	}
}

// The certificates of gatesock dev are trusted on this machine, and nowhere else.
func TestConsoleTrustsDev(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"wss://localhost:3001/dev": true, "wss://chat.localhost": true, "wss://127.0.0.1": true, "wss://[::1]": true,
		"wss://192.168.1.2": true, "wss://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/prod": false,
		"wss://example.com": false, "wss://localhost.example.com": false, "wss://8.8.8.8": false,
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		require.Equal(t, want, isLocal(u), address)
	}

	folder := t.TempDir()
	i, err := intercept.Start(t.Context(), intercept.Config{Folder: filepath.Join(folder, "gatesock")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, i.Close(context.Background())) })
	gateway, err := emulator.New(gatesock.New(), emulator.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: gateway, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go func() { _ = server.Serve(i.Listen(l)) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.NoError(t, gateway.Shutdown(context.Background()))
	})
	address := "wss://" + l.Addr().String() + "/local"
	x := newTool(t)
	x.set("XDG_CONFIG_HOME", folder)
	_, problems, status := x.run("console", address, "--wait", "0")
	require.Zero(t, status, problems)
	x.set("XDG_CONFIG_HOME", t.TempDir())
	require.Contains(t, x.fails(failed, "console", address, "--wait", "0"), "unknown authority")
	_, problems, status = x.run("console", address, "--wait", "0", "--insecure")
	require.Zero(t, status, problems)
}
