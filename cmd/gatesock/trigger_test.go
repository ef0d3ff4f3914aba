package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

// benchApp is a program with a workbench: an API whose authorizer lets in who has the right token,
// a schedule and queues.
type benchApp struct {
	t       *testing.T
	bench   *workbench.Workbench
	gateway *emulator.Gateway
	address string

	mu   sync.Mutex
	took []string // by schedules and queues
}

func newBenchApp(t *testing.T, stages ...string) *benchApp {
	t.Helper()
	a := &benchApp{t: t}
	var err error
	a.bench, err = workbench.New(workbench.Config{Name: "app", Seed: 7, Sources: a})
	require.NoError(t, err)
	var gateways []*emulator.Gateway
	for _, name := range append([]string{"dev"}, stages...) {
		stage := a.bench.Stage(name)
		g, err := emulator.New(benchRouter(), stage.Config(emulator.Config{Stage: name, Authorizer: &emulator.Authorizer{
			Handler: authz.NewAuthorizer(authz.AuthenticatorFunc(byToken)),
		}}))
		require.NoError(t, err)
		require.NoError(t, stage.Attach(g))
		gateways = append(gateways, g)
	}
	a.gateway = gateways[0]
	all, err := emulator.NewStages(gateways...)
	require.NoError(t, err)
	server := httptest.NewServer(all)
	a.address = a.bench.URL(server.URL)
	t.Cleanup(func() {
		require.NoError(t, a.bench.Close(context.Background()))
		for _, g := range gateways {
			require.NoError(t, g.Shutdown(context.Background()))
		}
		server.Close()
	})
	return a
}

// byToken lets in who has the right token.
func byToken(_ context.Context, h *authz.Handshake) (authz.Principal, error) {
	if h.Query.Get("token") != "right" {
		return authz.Principal{}, authz.ErrUnauthenticated
	}
	return authz.Principal{ID: "carol"}, nil
}

func benchRouter() *gatesock.Router {
	r := gatesock.New()
	r.OnConnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		if p, _ := authz.PrincipalFrom(req); p.ID == "mallory" {
			return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "mallory may not connect")
		}
		return nil, nil
	})
	gatesock.HandleReply(r, "echo", func(_ context.Context, _ *gatesock.Request, in struct{ Text string }) (string, error) {
		return in.Text, nil
	})
	gatesock.HandleReply(r, "who", func(_ context.Context, req *gatesock.Request, _ struct{}) (map[string]any, error) {
		p, _ := authz.PrincipalFrom(req)
		return map[string]any{"id": p.ID, "scopes": p.Scopes, "roles": p.Roles, "attributes": p.Attributes}, nil
	})
	gatesock.HandleReply(r, "context", func(_ context.Context, req *gatesock.Request, _ struct{}) (json.RawMessage, error) {
		return json.Marshal(req.Authorizer)
	})
	return r
}

func (a *benchApp) take(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.took = append(a.took, text)
}

func (a *benchApp) taken() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.took
}

func (a *benchApp) Schedules(context.Context) []workbench.Schedule {
	return []workbench.Schedule{{ID: "Tick1", Name: "tick", Expression: "rate(5 minutes)", Target: "app"}}
}

func (a *benchApp) FireSchedule(_ context.Context, id string) error {
	if id != "Tick1" {
		return workbench.ErrUnknown
	}
	a.take(id)
	return nil
}

func (a *benchApp) Queues(context.Context) []workbench.Queue {
	return []workbench.Queue{{Name: "jobs"}, {Name: "mail.fifo"}, {Name: "full"}}
}

func (a *benchApp) SendMessage(_ context.Context, queue, body, group string) error {
	switch queue {
	case "jobs", "mail.fifo":
		a.take(queue + " " + body + " " + group)
		return nil
	case "full":
		return errors.New("the queue is full")
	}
	return workbench.ErrUnknown
}

// result is how a command ended.
type result struct {
	status      int
	out, errors string
}

// trigger runs a command line.
func (a *benchApp) trigger(args ...string) result {
	a.t.Helper()
	return a.with("", append([]string{"--at", a.address}, args...)...)
}

func (a *benchApp) with(input string, args ...string) result {
	a.t.Helper()
	var out, problems bytes.Buffer
	status := run(a.t.Context(), append([]string{"trigger"}, args...), streams{strings.NewReader(input), &out, &problems})
	return result{status, out.String(), problems.String()}
}

// does runs a command line that must succeed, and returns its output.
func (a *benchApp) does(args ...string) string {
	a.t.Helper()
	r := a.trigger(args...)
	require.Equal(a.t, succeeded, r.status, "%q: %s", args, r.errors)
	return r.out
}

// The authorizer is not asked about a user, so it is not what refuses the client.
func TestTriggerConnectRefusedByHandler(t *testing.T) {
	t.Parallel()
	a := newBenchApp(t)
	r := a.trigger("connect", "--user", "mallory")
	require.Equal(t, failed, r.status)
	require.Equal(t, "gatesock: the gateway refuses the client with 403 Forbidden: the handler of $connect or a limit of the API "+
		"decided so; the log of the program may say why\n", r.errors, "no authorizer was asked")
}

// The flags' parser would put U+FFFD in place of what is not UTF-8.
func TestTriggerArgumentsAreUTF8(t *testing.T) {
	t.Parallel()
	a := newBenchApp(t)
	a.does("connect", "--user", "ann")
	for _, args := range [][]string{{"send", "a\xffb"}, {"connect", "--user", "a\xffb"}, {"queue", "jobs", "a\xffb"}} {
		r := a.trigger(args...)
		require.Equal(t, misused, r.status, "%q", args)
		require.Contains(t, r.errors, `"a\xffb" is not UTF-8`, "%q", args)
	}
}

func TestTriggerConnections(t *testing.T) {
	t.Parallel()
	a := newBenchApp(t)
	r := a.trigger("connect", "--user", "ann", "--scope", "chat", "--scope", "a,b", "--role", "admin", "--attribute", "room=1=2")
	require.Equal(t, succeeded, r.status, r.errors)
	require.Equal(t, "gatesock: #1 is connected to dev as ann (seed 7)\n", r.errors)
	id := strings.TrimSpace(r.out)
	_, open := a.gateway.Session(id)
	require.True(t, open, "the id alone is on standard output: %q", r.out)
	require.JSONEq(t,
		`{"id":"1","action":"who","data":{"id":"ann","scopes":["chat","a,b"],"roles":["admin"],"attributes":{"room":"1=2"}}}`,
		a.does("send", "--connection", id, `{"action":"who","id":"1"}`, "--wait", "1"))
	require.Equal(t, "#1 sent 27 bytes (seed 7)\n", a.does("send", `{"action":"who","id":"two"}`))

	// Through the authorizer, and as another authorizer would let in.
	r = a.trigger("connect", "--query", "token=wrong")
	require.Equal(t, failed, r.status)
	require.Equal(t, "gatesock: the gateway refuses the client with 401 Unauthorized: the authorizer decides by --header and "+
		"--query; --user is let in without it\n", r.errors)
	require.Empty(t, r.out)
	r = a.trigger("connect", "--query", "token=wrong", "--json")
	require.Equal(t, failed, r.status)
	require.Regexp(t, `"status": 401`, r.out)
	a.does("connect", "-q", "token=right", "-H", "X-One: a: b", "-s", "v1")
	s := a.gateway.Sessions()
	require.Len(t, s, 2)
	a.does("connect", "--authorizer", "principalId=dora", "--authorizer", "age=31", "--authorizer", "admin=true")
	got := a.does("send", "-c", "#5", `{"action":"context","id":"1"}`, "--wait", "1")
	require.Contains(t, got, `"age":"31"`)
	require.Contains(t, got, `"admin":"true"`)
	require.Contains(t, got, `"principalId":"dora"`)

	list := a.does("list")
	for _, want := range []string{
		`(?m)^Seed +7$`, `(?m)^dev +ws://127.0.0.1:\d+/dev +yes$`, `(?m)^#1 +` + regexp.QuoteMeta(id) + ` +dev +ann `,
		`(?m)^#4 .* carol `, `(?m)^tick +rate\(5 minutes\) +app$`, `(?m)^jobs$`,
	} {
		require.Regexp(t, want, list)
	}
	var listed struct {
		Seed        string
		Connections []struct{ ConnectionID string }
	}
	require.NoError(t, json.Unmarshal([]byte(a.does("list", "--json")), &listed))
	require.Equal(t, "7", listed.Seed)
	require.Len(t, listed.Connections, 3)

	require.Equal(t, "posted 2 bytes to #1 (seed 7)\n", a.does("post", "--user", "ann", "hi"))
	require.Equal(t, "#1 ended with 4001 (seed 7)\n", a.does("disconnect", "-c", "1", "--code", "4001", "--reason", "bye"))
	r = a.trigger("send", "-c", "1", "x")
	require.Equal(t, failed, r.status)
	require.Equal(t, "gatesock: the connection #1 has ended with 4001\n", r.errors)
	require.Equal(t, "#5 ended since the client is lost (seed 7)\n", a.does("disconnect", "-c", "5", "--by", "lost"))
	require.Len(t, a.gateway.Sessions(), 1)
	require.Equal(t, "#4 ended with 1000 (seed 7)\n", a.does("disconnect", "--by", "client"), "the only one that is left")
	r = a.trigger("send", "x")
	require.Equal(t, result{failed, "", "gatesock: no connection is open: gatesock trigger connect opens one\n"}, r)
}

// TestTriggerInput takes messages from standard input, as they are.
func TestTriggerInput(t *testing.T) {
	t.Parallel()
	a := newBenchApp(t)
	a.does("connect", "--user", "ann")
	r := a.with(`{"action":"echo","id":"1","text":"from a pipe"}`+"\r\n", "--at", a.address, "send", "-", "--wait", "1")
	require.JSONEq(t, `{"id":"1","action":"echo","data":"from a pipe"}`, r.out)
	long := `{"action":"echo","id":"1","text":"` + strings.Repeat("x", 40_000) + `"}`
	r = a.with(long, "--at", a.address, "send", "-", "--fragmented", "--wait", "1")
	require.Contains(t, r.out, strings.Repeat("x", 40_000))
	r = a.with("\xff", "--at", a.address, "post", "-")
	require.Equal(t, misused, r.status)
	require.Contains(t, r.errors, "not UTF-8")
	r = a.with(strings.Repeat("x", 2<<20), "--at", a.address, "send", "-")
	require.Equal(t, misused, r.status)
	require.Contains(t, r.errors, "more than 1048576 bytes")
	r = a.with("\xff", "--at", a.address, "send", "-", "--wait", "1", "--json")
	require.Equal(t, failed, r.status)
	require.Contains(t, r.errors, "the connection #1 has ended with 1007, and 1 frames are missing")
	require.Contains(t, r.out, `"did": "send"`)
}

func TestTriggerFaults(t *testing.T) {
	t.Parallel()
	a := newBenchApp(t)
	a.does("connect", "--user", "ann")
	a.does("connect", "--user", "bob")
	require.Equal(t, "gone for #1, until: gatesock trigger clear --fault 1 (seed 7)\n", a.does("gone", "--user", "ann", "--times", "1"))
	r := a.trigger("post", "-c", "1", "hi")
	require.Equal(t, result{failed, "", "gatesock: the post to #1 got 410 Gone\n"}, r)
	a.does("post", "-c", "1", "hi")
	a.does("fail", "--status", "429", "-c", "2")
	r = a.trigger("post", "-c", "2", "hi", "--json")
	require.Equal(t, failed, r.status)
	require.Contains(t, r.out, `"status": 429`)
	a.does("clear", "--fault", "2")
	a.does("post", "-c", "2", "hi")

	// Each command adds the fault that it is named for.
	for _, args := range [][]string{
		{"slow", "--delay", "1ms", "--spread"},
		{"fail-delivered", "--error", "lost"},
		{"forbidden", "--chance", "0"},
		{"throttled", "--rate", "100", "--burst", "200", "--route", "@connections"},
		{"account-quotas"},
		{"buffer-full", "--chance", "0.5", "--connection", "1", "--connection", "#2"},
		{"hold", "--delay", "1s", "--route", "echo", "--times", "2"},
		{"cold-start", "--delay", "1s", "--route", "$connect"},
		{"lost-disconnect"},
		{"late-disconnect", "--delay", "1s"},
		{"repeated-disconnect"},
		{"half-open", "--delay", "1h", "--noticed", "7m"},
		{"maintenance", "--delay", "2h"},
	} {
		a.does(args...)
	}
	r = a.trigger("list")
	for _, want := range []string{
		`slow call`, `lost`, `forbidden`, `throttled`, `account-quotas`, `buffer full`, `held message`, `cold start`,
		`lost \$disconnect`, `late \$disconnect`, `repeated \$disconnect`, `half-open`, `restart`,
	} {
		require.Regexp(t, want, r.out)
	}
	require.Contains(t, r.out, "7m0s")
	require.Equal(t, "14 faults removed (seed 7)\n", a.does("clear"))
	require.NotContains(t, a.does("list"), "HAPPENED")
	a.does("forbidden")
	require.Equal(t, "1 fault removed (seed 7)\n", a.does("clear"))
	a.does("restart", "--user", "bob") // which is maintenance
	require.Len(t, a.gateway.Sessions(), 1)
}

func TestTriggerTime(t *testing.T) {
	t.Parallel()
	a := newBenchApp(t)
	a.does("connect", "--user", "ann")
	require.Regexp(t, `^it is \d{4}-.*, 9m0s ahead of the machine \(seed 7\)\n$`, a.does("skip", "9m"))
	require.Len(t, a.gateway.Sessions(), 1)
	require.Contains(t, a.does("skip", "90s", "--json"), `"offsetMs": 630000`)
	require.Empty(t, a.gateway.Sessions(), "it was idle for ten minutes")
	require.Equal(t, "the schedule tick fired (seed 7)\n", a.does("schedule", "tick"))
	require.Equal(t, "the queue jobs got a message of 2 bytes (seed 7)\n", a.does("queue", "jobs", "{}"))
	a.does("queue", "mail.fifo", "a text", "--group", "ann")
	require.Equal(t, []string{"Tick1", "jobs {} ", "mail.fifo a text ann"}, a.taken())
}

// TestTriggerStages has a connection with the same number in two stages.
func TestTriggerStages(t *testing.T) {
	t.Parallel()
	a := newBenchApp(t, "prod")
	r := a.trigger("connect", "--user", "ann")
	require.Equal(t, result{misused, "", "gatesock: there are several stages: choose with --stage one of dev, prod\n" +
		"Run gatesock help, or add --help to a command.\n"}, r)
	a.does("--stage", "dev", "connect", "--user", "ann")
	a.does("--stage", "prod", "connect", "--user", "ann")
	r = a.trigger("send", "-c", "1", "x")
	require.Equal(t, misused, r.status)
	require.Contains(t, r.errors, "several stages have a connection 1: choose with --stage one of dev, prod")
	require.Equal(t, "#1 sent 1 byte (seed 7)\n", a.does("--stage", "prod", "send", "-c", "1", "x"))
	require.Equal(t, "gone for #1, #1, until: gatesock trigger clear --fault 1 --fault 2 (seed 7)\n", a.does("gone", "--user", "ann"))
	require.Equal(t, failed, a.trigger("--stage", "prod", "post", "-c", "1", "x").status)
	require.Equal(t, failed, a.trigger("--stage", "dev", "post", "-c", "1", "x").status)
	a.does("--stage", "dev", "disconnect")
	require.Equal(t, "#1 sent 1 byte (seed 7)\n", a.does("send", "-c", "1", "x"), "the one that is open")
	r = a.trigger("--stage", "test", "list")
	require.Equal(t, misused, r.status)
	require.Contains(t, r.errors, "--stage: there is no stage test: want one of dev, prod")
}

func TestTriggerMistakes(t *testing.T) {
	t.Parallel()
	a := newBenchApp(t)
	a.does("connect", "--user", "ann")
	a.does("connect", "--user", "bob")
	for _, c := range []struct {
		status int
		args   []string
		says   string
	}{
		{misused, []string{"gonne"}, `unexpected argument gonne, did you mean "gone"?`},
		{misused, []string{"slow"}, "missing flags: --delay="},
		{misused, []string{"slow", "--delay", "soon"}, "--delay: expected duration but got"},
		{misused, []string{"slow", "--delay=-1s"}, "--delay -1s must not be negative"},
		{misused, []string{"gone", "--times=-1"}, "--times -1: want a number from 1"},
		{misused, []string{"gone", "--chance", "2"}, "--chance 2: want a number from 0 to 1"},
		{misused, []string{"gone", "--chance", "NaN"}, "--chance NaN"},
		{misused, []string{"gone", "--connection", "1", "--user", "ann"}, "can't be used together"},
		{misused, []string{"throttled", "--burst", "2"}, "--burst needs --rate"},
		{misused, []string{"throttled", "--rate=-2"}, "--rate and --burst must not be negative"},
		{misused, []string{"fail", "--status", "404"}, "status"},
		{misused, []string{"connect", "--scope", "a"}, "they need --user"},
		{misused, []string{"connect", "--user", "ann", "--authorizer", "a=b"}, "can't be used together"},
		{misused, []string{"connect", "--header", "nothing"}, "--header nothing: want NAME:VALUE"},
		{misused, []string{"connect", "--query", "=x"}, "--query =x: want NAME=VALUE"},
		{misused, []string{"connect", "--authorizer", "a=[1]"}, "--authorizer a: an authorizer returns texts, numbers, true and false"},
		{misused, []string{"connect", "--header", "a b: c", "--user", "x"}, "no client can send this header"},
		{misused, []string{"skip", "0s"}, "want a time ahead"},
		{misused, []string{"skip", "tomorrow"}, "expected duration"},
		{misused, []string{"skip", "10000h"}, "at most"},
		{misused, []string{"send", "x"}, "2 connections are open: choose with --connection or --user"},
		{misused, []string{"disconnect", "-c", "1", "--code", "1005"}, "code"},
		{misused, []string{"disconnect", "-c", "1", "--reason", strings.Repeat("x", 200)}, "reason"},
		{failed, []string{"send", "-c", "9", "x"}, "there is no connection 9: gatesock trigger list shows those that there are"},
		{failed, []string{"send", "-c", "nobody=", "x"}, "there is no connection nobody="},
		{failed, []string{"send", "--user", "zoe", "x"}, "no connection of the user zoe is open"},
		{failed, []string{"clear", "--fault", "99"}, "99"},
		{failed, []string{"schedule", "tock"}, "there is no schedule tock: want tick"},
		{failed, []string{"queue", "job", "x"}, "there is no queue job: want one of jobs, mail.fifo, full"},
		{failed, []string{"queue", "full", "x"}, "the queue is full"},
	} {
		r := a.trigger(c.args...)
		require.Equal(t, c.status, r.status, "%q: %s", c.args, r.errors)
		require.Contains(t, r.errors, c.says, "%q", c.args)
		require.Empty(t, r.out)
	}
}

// TestTriggerWithoutWorkbench says why nothing answers, without the token.
func TestTriggerWithoutWorkbench(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	a := newBenchApp(t)
	for _, c := range []struct {
		status int
		at     string
		says   string
	}{
		{misused, "localhost:3001", `--at: "localhost:3001" is not the address of a workbench`},
		{misused, "ftp://localhost/?token=secret", `is not the address of a workbench`},
		{misused, "http://localhost:3001/_gatesock/", "has no token: copy the whole address that the program prints"},
		{failed, other.URL + "/_gatesock/?token=secret", "with 404 Not Found, is not one: does the program still run?"},
		{failed, gone.URL + "/_gatesock/?token=secret", "connection refused: does the program still run?"},
		{failed, strings.Split(a.address, "token=")[0] + "token=secretsecretsecret", "the address with the token is printed by the program"},
	} {
		var out, problems bytes.Buffer
		status := run(t.Context(), []string{"trigger", "--at", c.at, "list"}, streams{strings.NewReader(""), &out, &problems})
		require.Equal(t, c.status, status, problems.String())
		require.Contains(t, problems.String(), c.says)
		require.NotContains(t, problems.String(), "secret")
	}
}

// TestTriggerWithoutDev runs in a folder of its own, as the only test that changes the environment
// does.
func TestTriggerWithoutDev(t *testing.T) {
	folder, cache := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	t.Setenv(workbenchVariable, "")
	t.Chdir(folder)
	a := &benchApp{t: t}
	r := a.with("", "list")
	require.Equal(t, failed, r.status)
	require.Contains(t, r.errors, "no gatesock dev runs for "+folder+": start one there with gatesock dev")
	r = a.with("", "--dev", "x", "--at", "http://localhost:1/?token=x", "list")
	require.Equal(t, misused, r.status)
	require.Contains(t, r.errors, "--at replaces --dev")

	// One that was killed does not count, and one of another folder is named.
	path, err := cacheFolder()
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(path, "locks"), 0o700))
	running := func(name, folder string, pid int) {
		text, err := json.Marshal(map[string]any{
			"pid": pid, "source": folder, "folder": folder, "from": folder, "workbench": "http://127.0.0.1:1/_gatesock/?token=x",
		})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(path, "locks", "dev-"+name+".running.json"), text, 0o600))
	}
	running("a", folder, -1)
	running("b", "/elsewhere", os.Getpid())
	r = a.with("", "list")
	require.Contains(t, r.errors, "no gatesock dev runs for "+folder)
	require.Contains(t, r.errors, "one runs for /elsewhere, which --dev chooses")
	r = a.with("", "--dev", "/elsewhere", "list")
	require.Contains(t, r.errors, "there is no answer from the workbench at 127.0.0.1:1")

	running("c", filepath.Join(folder, "one"), os.Getpid())
	running("d", filepath.Join(folder, "one"), os.Getpid())
	r = a.with("", "--dev", "one/deep", "list")
	require.Equal(t, misused, r.status)
	require.Contains(t, r.errors, "several gatesock dev run for "+filepath.Join(folder, "one", "deep"))
}
