package workbench_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
