package workbench_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

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
	require.NotContains(t, story(entries(t, b)), "invoked #1 wait", "the gateway has not given up")
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
	session, open := gw.Session(f.connect(`{}`))
	require.True(t, open)
	b.Remove(t.Context(), "dev")
	require.Empty(t, gw.Sessions())
	require.ErrorIs(t, session.Receive(t.Context(), emulator.Message{}), emulator.ErrClosed)
	require.Equal(t, []any{}, ok[anyMap](t, b, "GET", "state", "")["stages"])
	require.Len(t, entries(t, b), 8, "what was recorded stays")
	require.NotSame(t, s, b.Stage("dev"))
}

// TestRemovedMeanwhile checks that a client is closed whose stage is removed while it connects.
func TestRemovedMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	r.OnConnect(func(ctx context.Context, _ *gatesock.Request) (*gatesock.Reply, error) {
		b.Remove(ctx, "dev")
		return nil, nil
	})
	s := b.Stage("dev")
	gw, err := emulator.New(r, s.Config(emulator.Config{Logger: slog.New(slog.DiscardHandler)}))
	require.NoError(t, err)
	require.NoError(t, s.Attach(gw))
	t.Cleanup(func() { require.NoError(t, gw.Shutdown(context.Background())) })
	status, answer := call(t, b, "POST", "connections", `{}`)
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, answer, "has been removed")
	require.Empty(t, gw.Sessions())
}

// TestAllAtOnce does everything at the same time, for the race detector.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{Entries: 500, Sources: sources{func() {}, new([]string)}})
	f.connect(`{}`)
	requests := [][3]string{
		{"GET", "state", ""},
		{"GET", "entries", ""},
		{"GET", "connections", ""},
		{"GET", "connections/%231", ""},
		{"GET", "export/har", ""},
		{"POST", "connections", `{"user":"ann"}`},
		{"POST", "connections/%231/messages", `{"text":"{\"action\":\"echo\",\"text\":\"x\"}"}`},
		{"POST", "connections/%231/post", `{"text":"x"}`},
		{"POST", "connections/%232/close", `{"by":"client"}`},
		{"POST", "connections/%233/close", `{"by":"gateway","code":1001}`},
		{"POST", "connections/%234/close", `{"by":"lost"}`},
		{"POST", "faults", `{"fault":"gone","chance":0.5}`},
		{"POST", "faults", `{"fault":"restart","delay":"1m","connections":["#1"]}`},
		{"DELETE", "faults/1", ""},
		{"DELETE", "faults", ""},
		{"POST", "clock", `{"advance":"1s"}`},
		{"POST", "schedules/tick", ""},
		{"POST", "clear", ""},
	}
	var all sync.WaitGroup
	for _, r := range requests {
		all.Go(func() {
			for range 20 {
				status, answer := call(t, f.bench, r[0], r[1], r[2])
				if status >= http.StatusInternalServerError {
					t.Errorf("%v: %d %s", r, status, answer)
				}
			}
		})
	}
	all.Go(func() {
		for range 20 {
			cfg := f.stage.Config(emulator.Config{Stage: "dev", Logger: slog.New(slog.DiscardHandler)})
			if err := f.gw.Deploy(newApp(f.gw), cfg); err != nil {
				t.Error(err)
			}
			f.bench.Note("reload", "again")
			f.bench.Log(workbench.Line{Text: "line", RequestID: "r"})
		}
	})
	all.Wait()
}
