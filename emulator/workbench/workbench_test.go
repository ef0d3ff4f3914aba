package workbench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/slogtest"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, cfg := range []workbench.Config{
		{Token: "short"}, {Token: "0123456789abcde&"}, {Entries: -1}, {Bytes: -1},
	} {
		_, err := workbench.New(cfg)
		require.ErrorContains(t, err, "workbench: Config.", "%+v", cfg)
	}
	a, b := newBench(t, workbench.Config{Token: "0123456789abcdef-._~"}), newBench(t, workbench.Config{})
	require.NotEqual(t, a.Seed(), b.Seed())
	require.Less(t, a.Seed(), uint64(1)<<53)
	c, err := workbench.New(workbench.Config{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(c.Token()), 32)
	require.NoError(t, c.Close(t.Context()))
}

func TestURL(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	for server, want := range map[string]string{
		"ws://127.0.0.1:3001/dev":      "http://127.0.0.1:3001/_gatesock/?token=" + token,
		"http://localhost:3001":        "http://localhost:3001/_gatesock/?token=" + token,
		"wss://localhost:3001/dev/x?y": "https://localhost:3001/_gatesock/?token=" + token,
		"ws://[::]:3001/dev":           "http://localhost:3001/_gatesock/?token=" + token,
		"ws://0.0.0.0:3001/dev":        "http://localhost:3001/_gatesock/?token=" + token,
		"ws://[::1]:3001/dev":          "http://[::1]:3001/_gatesock/?token=" + token,
	} {
		require.Equal(t, want, b.URL(server))
	}
	require.Panics(t, func() { b.URL("localhost") })
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	s := b.Stage("dev")
	require.Same(t, s, b.Stage("dev"))
	require.Equal(t, "dev", s.Name())
	require.Panics(t, func() { b.Stage("") })
	require.Panics(t, func() { _ = s.Attach(nil) })
	require.PanicsWithValue(t, "workbench: Stage.Config: the Clock must be that of the workbench; see Workbench.Clock",
		func() { s.Config(emulator.Config{Clock: emulator.NewManualClock(b.Clock().Now())}) })
	own := s.Config(emulator.Config{Clock: b.Clock()})
	require.Panics(t, func() { s.Config(emulator.Config{Faults: new(emulator.Faults)}) })
	require.Same(t, own.Faults, s.Config(emulator.Config{Faults: own.Faults}).Faults)
	other, err := emulator.New(newApp(nil), emulator.Config{})
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Shutdown(context.Background())) }()
	require.Panics(t, func() { _ = s.Attach(other) })
}

// TestReservedStage checks that no stage has the workbench's paths.
func TestReservedStage(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	for _, cfg := range []emulator.Config{{Stage: "_gatesock"}, {CustomDomain: true, BasePath: "_gatesock"}} {
		s := b.Stage("x")
		gw, err := emulator.New(newApp(nil), s.Config(cfg))
		require.NoError(t, err)
		require.ErrorContains(t, s.Attach(gw), `"_gatesock"`)
		require.NoError(t, gw.Shutdown(t.Context()))
	}
	err := workbench.ListenAndServe(t.Context(), "127.0.0.1:0", newApp(nil), emulator.Config{Stage: "_gatesock"}, workbench.Config{})
	require.ErrorContains(t, err, `"_gatesock"`)
	err = workbench.ListenAndServe(t.Context(), "127.0.0.1:0", newApp(nil), emulator.Config{CustomDomain: true}, workbench.Config{})
	require.ErrorContains(t, err, "BasePath")
	err = workbench.ListenAndServe(t.Context(), "127.0.0.1:0", newApp(nil), emulator.Config{}, workbench.Config{Token: "x"})
	require.ErrorContains(t, err, "Token")
	err = workbench.ListenAndServe(t.Context(), "127.0.0.1:0", newApp(nil), emulator.Config{Stage: "$default"}, workbench.Config{})
	require.ErrorContains(t, err, "Stage")
}

// TestDeploy checks what stays when a gateway is deployed to: connections, faults, clock, and what
// the caller's configuration has of its own.
func TestDeploy(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{})
	id := f.connect(`{}`)
	ok[anyMap](t, f.bench, "POST", "faults", `{"fault":"gone"}`)
	ok[anyMap](t, f.bench, "POST", "clock", `{"advance":"1m"}`)
	var seen []emulator.EventKind
	next := emulator.Config{
		Stage: "dev", Logger: slog.New(slog.DiscardHandler),
		Observe: func(e emulator.Event) { seen = append(seen, e.Kind) },
		Pages:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "own ", r.URL.Path) }),
	}
	require.NoError(t, f.gw.Deploy(newApp(f.gw), f.stage.Config(next)))
	f.send(id, `{"action":"echo","text":"x"}`)
	require.Equal(t, []emulator.EventKind{emulator.EventReceived, emulator.EventInvoked, emulator.EventSent}, seen)
	require.EqualValues(t, 410, ok[anyMap](t, f.bench, "POST", "connections/"+id+"/post", `{"text":"x"}`)["status"])
	require.EqualValues(t, 60_000, ok[anyMap](t, f.bench, "GET", "state", "")["offsetMs"])

	r := request(t, "GET", "/page", "")
	w := &recorder{header: http.Header{}}
	f.gw.ServeHTTP(w, r)
	require.Equal(t, "own /page", w.String())
	w = &recorder{header: http.Header{}}
	f.gw.ServeHTTP(w, request(t, "GET", "/_gatesock/api/state", ""))
	require.Contains(t, w.String(), `"instance"`)
}

// recorder is an http.ResponseWriter.
type recorder struct {
	bytes.Buffer
	header http.Header
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(int) {}

// TestUnseen checks that connections are there that were open before anybody looked.
func TestUnseen(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	s := b.Stage("dev")
	faults := new(emulator.Faults)
	plain := emulator.Config{Clock: b.Clock(), Faults: faults, Logger: slog.New(slog.DiscardHandler)}
	gw, err := emulator.New(newApp(nil), plain)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gw.Shutdown(context.Background())) })
	session, err := gw.Connect(t.Context(), emulator.Handshake{}, nobody{})
	require.NoError(t, err)
	require.NoError(t, gw.Deploy(newApp(gw), s.Config(plain)))
	require.NoError(t, s.Attach(gw))
	f := &fixture{t, b, s, gw}
	list := ok[[]anyMap](t, b, "GET", "connections", "")
	require.Len(t, list, 1)
	require.Subset(t, list[0], anyMap{"connectionId": session.ID(), "connection": 1.0, "open": true, "sourceIp": "127.0.0.1"})
	f.send("%231", `{"action":"echo","text":"x"}`)
	one := ok[anyMap](t, b, "GET", "connections/"+session.ID(), "")
	require.Equal(t, anyMap{"echo": 1.0}, one["counts"])
	require.Equal(t, anyMap{}, one["headers"])
	status, answer := call(t, b, "POST", "connections/%231/close", `{"by":"client"}`)
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, answer, "half-open")
}

type nobody struct{}

func (nobody) Send([]byte) error { return nil }

func (nobody) Close(int, string) {}

// TestBodies checks how bodies are kept.
func TestBodies(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	observe := b.Stage("dev").Config(emulator.Config{}).Observe
	whole := strings.Repeat("é", 64<<10)
	for _, body := range []string{whole, whole + "é", "x" + whole, "\xff\x00", ""} {
		observe(emulator.Event{Kind: emulator.EventInvoked, Bytes: len(body), Body: []byte(body)})
	}
	list := entries(t, b)
	require.Equal(t, whole, list[0].Body)
	require.Zero(t, list[0].Cut)
	require.Equal(t, whole, list[1].Body)
	require.Equal(t, 2, list[1].Cut)
	require.Equal(t, "x"+whole[:len(whole)-2], list[2].Body)
	require.Equal(t, 2, list[2].Cut, "not inside a character")
	require.Equal(t, []byte{0xff, 0}, list[3].Body64)
	require.Empty(t, list[3].Body)
	require.Empty(t, list[4].Body)
}

// TestEventsKeepNothing checks that entries do not share memory with the gateway.
func TestEventsKeepNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	observe := b.Stage("dev").Config(emulator.Config{}).Observe
	body, input := []byte("body"), []byte("input")
	values := []string{"1"}
	h := emulator.Handshake{Header: http.Header{"a": values, "sec-websocket-protocol": {"x, y", "z"}}}
	observe(emulator.Event{
		Kind: emulator.EventConnected, ConnectionID: "c", Connection: 1, Body: body, Input: input, Handshake: &h,
	})
	copy(body, "----")
	copy(input, "-----")
	values[0] = "-"
	e := entries(t, b)[0]
	require.Equal(t, "body", e.Body)
	require.Equal(t, "input", e.Input)
	require.Equal(t, []string{"1"}, e.Handshake.Headers["a"])
	require.Equal(t, []string{"x", "y", "z"}, e.Handshake.Subprotocols)
}

func TestEntriesOfConnections(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{})
	a, b := f.connect(`{}`), f.connect(`{}`)
	f.send(a, `{"action":"echo","text":"a"}`)
	f.send(b, `{"action":"echo","text":"b"}`)
	f.bench.Log(workbench.Line{ConnectionID: a, Text: "of a"})
	connectID, _ := ok[anyMap](t, f.bench, "GET", "connections/"+a, "")["requestId"].(string)
	f.bench.Log(workbench.Line{RequestID: connectID, Text: "of the handshake"})
	f.bench.Log(workbench.Line{Text: "of nobody"})
	got := ok[struct{ Entries []workbench.Entry }](t, f.bench, "GET", "entries?connection="+a, "").Entries
	require.Len(t, got, 7)
	for _, e := range got {
		require.NotEqual(t, b, e.ConnectionID)
		require.NotEqual(t, "of nobody", e.Text)
	}
	page := ok[struct {
		Entries     []workbench.Entry
		First, Last uint64
	}](t, f.bench, "GET", "entries?after=2&limit=3", "")
	require.Len(t, page.Entries, 3)
	require.EqualValues(t, 3, page.Entries[0].Seq)
	require.EqualValues(t, 1, page.First)
	require.EqualValues(t, 13, page.Last)
}

// TestEndedConnectionsAreBounded checks that a long day does not fill the memory.
func TestEndedConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	observe := b.Stage("dev").Config(emulator.Config{}).Observe
	for n := uint64(1); n <= 1500; n++ {
		id := fmt.Sprint("c", n)
		observe(emulator.Event{Kind: emulator.EventConnected, ConnectionID: id, Connection: n})
		observe(emulator.Event{Kind: emulator.EventDisconnected, ConnectionID: id, Connection: n, Code: 1000})
		observe(emulator.Event{Kind: emulator.EventInvoked, ConnectionID: id, Connection: n, Route: "$disconnect"})
	}
	list := ok[[]anyMap](t, b, "GET", "connections", "")
	require.Len(t, list, 1000)
	require.Equal(t, "c501", list[0]["connectionId"])
	ok[anyMap](t, b, "POST", "clear", "")
	require.Empty(t, ok[[]anyMap](t, b, "GET", "connections", ""))
}

func TestMembers(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{Members: func(_ context.Context, id string) (string, []string, error) {
		if strings.HasPrefix(id, "c") {
			return "", nil, errors.New("the table is away")
		}
		return "ann", []string{"room"}, nil
	}})
	s, gw := newStage(t, b, "dev", emulator.Config{})
	f := &fixture{t, b, s, gw}
	f.connect(`{"authorizer":{"principalId":"somebody","admin":true,"n":1}}`)
	observe := s.Config(emulator.Config{}).Observe
	observe(emulator.Event{Kind: emulator.EventConnected, ConnectionID: "c", Connection: 2})
	require.Equal(t, true, ok[anyMap](t, b, "GET", "state", "")["groups"])
	list := ok[[]anyMap](t, b, "GET", "connections", "")
	require.Equal(t, "ann", list[0]["user"])
	require.Equal(t, []any{"room"}, list[0]["groups"])
	require.Equal(t, "the table is away", list[1]["membersError"])
}

// sources are schedules and queues for tests.
type sources struct {
	fire func()
	sent *[]string
}

func (s sources) Schedules(context.Context) []workbench.Schedule {
	return []workbench.Schedule{{ID: "tick", Name: "Tick", Expression: "rate(1 minute)", Target: "f"}, {ID: "broken"}, {ID: "gone"}}
}

func (s sources) FireSchedule(_ context.Context, id string) error {
	switch id {
	case "tick":
		s.fire()
		return nil
	case "broken":
		return errors.New("the function is away")
	}
	return fmt.Errorf("%w: %s", workbench.ErrUnknown, id)
}

func (s sources) Queues(context.Context) []workbench.Queue { return []workbench.Queue{{Name: "jobs"}} }

func (s sources) SendMessage(_ context.Context, queue, body, group string) error {
	if queue != "jobs" {
		return workbench.ErrUnknown
	}
	*s.sent = append(*s.sent, body+"|"+group)
	return nil
}

func TestSources(t *testing.T) {
	t.Parallel()
	fired, sent := 0, []string{}
	b := newBench(t, workbench.Config{Sources: sources{func() { fired++ }, &sent}})
	status, _ := call(t, b, "POST", "schedules/tick", "")
	require.Equal(t, http.StatusAccepted, status)
	require.Equal(t, 1, fired)
	status, answer := call(t, b, "POST", "schedules/a/b", "")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, answer, `There is no schedule \"a/b\"`)
	status, answer = call(t, b, "POST", "schedules/gone", "")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, answer, "There is no schedule")
	status, answer = call(t, b, "POST", "schedules/broken", "")
	require.Equal(t, http.StatusBadGateway, status)
	require.Contains(t, answer, "the function is away")
	status, _ = call(t, b, "POST", "queues/jobs", `{"body":"{}","group":"g"}`)
	require.Equal(t, http.StatusAccepted, status)
	require.Equal(t, []string{"{}|g"}, sent)
	status, answer = call(t, b, "POST", "queues/x", `{"body":""}`)
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, answer, "There is no queue")
	status, _ = call(t, b, "POST", "queues/jobs", `{}`)
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, []string{"schedule by api", "schedule by api", "schedule by api", "queue {} by api"}, story(entries(t, b)))
	state := ok[anyMap](t, b, "GET", "state", "")
	require.Len(t, state["schedules"], 3)
	require.Equal(t, []any{anyMap{"name": "jobs"}}, state["queues"])
	require.Equal(t, []any{}, state["stages"], "a program whose build failed has none")
}

// TestClock checks that what is due has happened when the answer comes, and comes after the move in
// the record.
func TestClock(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{MachineClock: true})
	f.connect(`{}`)
	before := f.bench.Clock().Now()
	moved := ok[anyMap](t, f.bench, "POST", "clock", `{"advance":"10m1s"}`)
	require.EqualValues(t, 601_000, moved["offsetMs"])
	lines := story(entries(t, f.bench))
	require.Equal(t, []string{"clock by api", "disconnected #1 Going away 1001", "invoked #1 $disconnect"}, lines[2:])
	list := entries(t, f.bench)
	require.EqualValues(t, 601_000, list[2].AdvanceMs)
	require.Less(t, list[2].Time.Sub(before).Minutes(), 9.0, "the time before the move")
	ok[anyMap](t, f.bench, "POST", "clock", `{"advance":"-1m"}`)
	state := ok[anyMap](t, f.bench, "GET", "state", "")
	require.EqualValues(t, 541_000, state["offsetMs"])
	require.Equal(t, "machine", state["functionsClock"])
}

func TestLogHandler(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{})
	id := f.connect(`{}`)
	f.send(id, `{"action":"echo","text":"x"}`)
	var request string
	for _, e := range entries(t, f.bench) {
		if e.Kind == "received" {
			request = e.RequestID
		}
	}
	var out bytes.Buffer
	log := slog.New(f.bench.LogHandler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})))
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: request})
	log.InfoContext(ctx, "hello", "a", 1, "b", "two words")
	log.With("connectionId", id).WithGroup("g").Warn("careful", "k", "v", slog.Group("h", "x", true))
	log.WithGroup("").Info("nobody's")
	nothing := slog.New(f.bench.LogHandler(nil)).With("a", 1).WithGroup("g")
	nothing.Debug("nobody wants it")
	nothing.Info("to the record only", "b", 2)
	list := entries(t, f.bench)
	list = list[len(list)-4:]
	require.Equal(t, "hello a=1 b=\"two words\"", list[0].Text)
	require.Equal(t, "INFO", list[0].Level)
	require.Equal(t, id, list[0].ConnectionID)
	require.EqualValues(t, 1, list[0].Connection)
	require.Equal(t, "dev", list[0].Stage)
	require.Equal(t, "careful g.k=v g.h.x=true", list[1].Text)
	require.Equal(t, id, list[1].ConnectionID)
	require.Equal(t, "dev", list[1].Stage)
	require.Empty(t, list[2].ConnectionID)
	require.Equal(t, "to the record only a=1 g.b=2", list[3].Text)
	require.Regexp(t, `^time=\S+ level=WARN msg=careful connectionId=\S+ g.k=v g.h.x=true\n$`, out.String())
}

// TestLogHandlerPassesOn checks that records pass on unchanged.
func TestLogHandlerPassesOn(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	var out bytes.Buffer
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		t.Helper()
		out.Reset()
		return b.LogHandler(slog.NewJSONHandler(&out, nil))
	}, func(t *testing.T) (m map[string]any) {
		t.Helper()
		require.NoError(t, json.Unmarshal(out.Bytes(), &m))
		return m
	})
}

// TestGatewayWarnings checks that what the gateway warns about is in the timeline once, also if the
// program's own logger is recorded.
func TestGatewayWarnings(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	var out bytes.Buffer
	logger := slog.New(b.LogHandler(slog.NewTextHandler(&out, nil)))
	s, gw := newStage(t, b, "dev", emulator.Config{Logger: logger})
	f := &fixture{t, b, s, gw}
	status, _ := call(t, b, "POST", "connections", `{"authorizer":{"a":"`+strings.Repeat("x", 10)+`"},"query":{"user":"mallory"}}`)
	require.Equal(t, http.StatusForbidden, status)
	id := f.connect(`{}`)
	ok[anyMap](t, b, "POST", "faults", `{"fault":"buffer-full"}`)
	f.send(id, `{"action":"echo","text":"x"}`)
	var lines []string
	for _, e := range entries(t, b) {
		if e.Kind == "log" {
			lines = append(lines, e.Function+" "+e.Text)
			require.Equal(t, id, e.ConnectionID)
		}
	}
	require.Len(t, lines, 1)
	require.Regexp(t, "^gateway a frame was dropped", lines[0])
	require.Contains(t, out.String(), "connection refused")
	require.Contains(t, out.String(), "a frame was dropped")
}

func TestLines(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	b.Log(workbench.Line{Text: strings.Repeat("x", 100_000), Level: "WARN", Function: "f", Late: true})
	b.Log(workbench.Line{Text: "a\xffb", ConnectionID: "nobody", RequestID: "nothing"})
	list := entries(t, b)
	require.Len(t, list[0].Text, 64<<10)
	require.Equal(t, 100_000-64<<10, list[0].Cut)
	require.True(t, list[0].Late)
	require.Equal(t, "a\uFFFDb", list[1].Text)
	require.Empty(t, list[1].Stage)
}

// TestMessagesDoNotWait checks that a request is answered while the handler runs.
func TestMessagesDoNotWait(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	release, runs := make(chan struct{}), make(chan struct{})
	r := newApp(nil)
	gatesock.Handle(r, "wait", func(context.Context, *gatesock.Request, say) error {
		close(runs)
		<-release
		return nil
	})
	s := b.Stage("dev")
	gw, err := emulator.New(r, s.Config(emulator.Config{Logger: slog.New(slog.DiscardHandler)}))
	require.NoError(t, err)
	require.NoError(t, s.Attach(gw))
	t.Cleanup(func() { require.NoError(t, gw.Shutdown(context.Background())) })
	f := &fixture{t, b, s, gw}
	id := f.connect(`{}`)
	ok[anyMap](t, b, "POST", "connections/"+id+"/messages", `{"text":"{\"action\":\"wait\"}"}`)
	<-runs
	// Nor does the end of the connection, with its $disconnect, wait.
	ok[anyMap](t, b, "POST", "connections/"+id+"/close", `{"by":"lost"}`)
	close(release)
	f.settle()
}

// TestRemovedStage checks that nothing of a stage stays open that is removed.
func TestRemovedStage(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	s, gw := newStage(t, b, "dev", emulator.Config{})
	f := &fixture{t, b, s, gw}
	f.connect(`{}`)
	b.Remove(t.Context(), "dev")
	require.Empty(t, gw.Sessions())
	require.Equal(t, []any{}, ok[anyMap](t, b, "GET", "state", "")["stages"])
	require.Len(t, entries(t, b), 4, "what was recorded stays")
	require.NotSame(t, s, b.Stage("dev"))
}

func TestServedAt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{Name: "n"})
	f.stage.ServedAt("wss://localhost:3002/dev")
	state := ok[struct {
		Name   string
		Stages []struct {
			Name, API, Stage, URL, Selection string
			Routes                           []struct {
				Key     string
				Answers bool
			}
		}
		Kinds []struct{ Fault string }
		Kept  anyMap
	}](t, f.bench, "GET", "state", "")
	require.Equal(t, "n", state.Name)
	require.Equal(t, "wss://localhost:3002/dev", state.Stages[0].URL)
	require.Equal(t, "$request.body.action", state.Stages[0].Selection)
	var keys []string
	for _, r := range state.Stages[0].Routes {
		require.True(t, r.Answers)
		keys = append(keys, r.Key)
	}
	require.Equal(t, []string{"$default", "echo", "post"}, keys)
	require.Len(t, state.Kinds, len(emulator.FaultKinds()))
	require.Equal(t, anyMap{"first": 1.0, "last": 0.0, "dropped": 0.0, "entries": 20000.0, "bytes": 67108864.0}, state.Kept)
}
