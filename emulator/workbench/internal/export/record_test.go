package export_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench/entry"
	"github.com/gatesock/gatesock/emulator/workbench/internal/export/testdata/app"
)

// recording is a gateway in front of the test's application, and what happened there.
type recording struct {
	t     *testing.T
	clock clock
	gw    *emulator.Gateway
	load  time.Duration // how long the gateway takes before it calls the application, in a bubble

	mu      sync.Mutex
	entries []entry.Entry
	heal    map[string]func()
}

// clock is a manual or a running clock.
type clock interface {
	emulator.Clock
	Advance(d time.Duration)
}

// seed is that of the faults of recordings.
const seed = 7

// newRecording begins a recording at a time with a fraction of a second.
func newRecording(t *testing.T) *recording {
	t.Helper()
	return newRecordingBy(t, emulator.NewManualClock(time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.UTC)))
}

func newRecordingBy(t *testing.T, by clock) *recording {
	t.Helper()
	r := &recording{t: t, clock: by, heal: map[string]func(){}}
	cfg := emulator.Config{Clock: by, Stage: "dev", Observe: r.observe, Faults: emulator.NewFaults(seed)}
	cfg.Faults.OnFault(r.struck)
	var err error
	r.gw, err = emulator.New(app.New(lateAPI{r}, r.clock.Now), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.gw.Shutdown(context.Background())) })
	return r
}

// lateAPI is the API of the gateway, which is made after the application.
type lateAPI struct{ *recording }

func (l lateAPI) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	return l.gw.Post(ctx, to, data)
}

func (l lateAPI) Disconnect(ctx context.Context, to gatesock.Target) error {
	return l.gw.Disconnect(ctx, to)
}

func (l lateAPI) Info(ctx context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error) {
	return l.gw.Info(ctx, of)
}

func (r *recording) add(e entry.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Seq = uint64(len(r.entries) + 1)
	if e.Time.IsZero() {
		e.Time = r.clock.Now()
	}
	e.Time = e.Time.Truncate(time.Millisecond)
	r.entries = append(r.entries, e)
}

func (r *recording) observe(e emulator.Event) {
	n := entry.Entry{
		Kind: entry.Kind(e.Kind), Time: e.Time, Stage: "dev", Connection: e.Connection, ConnectionID: e.ConnectionID,
		RequestID: e.RequestID, Route: e.Route, Frame: e.Frame, Method: e.Method, Status: e.Status, Code: e.Code,
		Reason: e.Reason, ByClient: e.ByClient, Bytes: e.Bytes, Body: string(e.Body), Input: string(e.Input),
		DurationMs: float64(e.Duration) / 1e6,
	}
	if e.Err != nil {
		n.Error = e.Err.Error()
	}
	if h := e.Handshake; h != nil {
		n.Handshake = &entry.Handshake{
			Headers: h.Header, Query: h.Query, SourceIP: h.SourceIP, Authorizer: h.Authorizer,
		}
	}
	r.add(n)
	if e.Kind == emulator.EventReceived && r.load > 0 {
		sleep(r.load)
	}
}

func (r *recording) struck(e emulator.FaultEvent) {
	spec, err := json.Marshal(e.Fault.Spec())
	assert.NoError(r.t, err)
	r.add(entry.Entry{
		Kind: entry.Fault, Stage: "dev", Connection: e.Connection, ConnectionID: e.ConnectionID, Route: e.Route,
		Fault: e.Fault.String(), Spec: spec, DelayMs: float64(e.Delay) / 1e6, Call: e.Call,
	})
}

// peer is a client of a recording.
type peer struct {
	*emulator.Session

	r *recording
}

// quiet is the receiving side of a client: the recording has what it receives.
type quiet struct{}

func (quiet) Send([]byte) error { return nil }
func (quiet) Close(int, string) {}

// connect connects a client as a user, or as nobody.
func (r *recording) connect(user string, query ...string) *peer {
	r.t.Helper()
	h := emulator.Handshake{Header: http.Header{"Origin": {"https://example.com"}}}
	if user != "" {
		h.Authorizer = map[string]any{"principalId": user, "integrationLatency": 0}
	}
	if len(query) > 0 {
		h.Query = map[string][]string{query[0]: query[1:]}
	}
	s, err := r.gw.Connect(r.t.Context(), h, quiet{})
	require.NoError(r.t, err)
	return &peer{s, r}
}

func (p *peer) send(format string, args ...any) {
	p.r.t.Helper()
	require.NoError(p.r.t, p.Receive(p.r.t.Context(), emulator.Message{Data: fmt.Appendf(nil, format, args...)}))
}

// last returns a member of the data of the last frame of a kind.
func (r *recording) last(kind entry.Kind, id, member string) string {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.entries) - 1; i >= 0; i-- {
		e := r.entries[i]
		if e.Kind == kind && e.ConnectionID == id {
			var frame struct{ Data map[string]any }
			require.NoError(r.t, json.Unmarshal(e.Data(), &frame))
			return fmt.Sprint(frame.Data[member])
		}
	}
	r.t.Fatalf("no %s for %s", kind, id)
	return ""
}

// settle waits for the $disconnect of a connection, which runs beside what deleted it.
func (r *recording) settle(id string) {
	r.t.Helper()
	r.await(func(e entry.Entry) bool {
		return e.Kind == entry.Invoked && e.Route == "$disconnect" && e.ConnectionID == id
	})
}

// await waits for an entry.
func (r *recording) await(is func(e entry.Entry) bool) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return slices.ContainsFunc(r.all(), is) }, 10*time.Minute, time.Millisecond)
}

func (r *recording) advance(d time.Duration) {
	r.add(entry.Entry{Kind: entry.Clock, AdvanceMs: float64(d) / 1e6, By: entry.ByPage})
	r.clock.Advance(d)
}

// pass lets time pass, without an entry of a move of the clock.
func (r *recording) pass(d time.Duration) { r.clock.Advance(d) }

func (r *recording) addFault(id, spec string, f ...emulator.Fault) {
	r.add(entry.Entry{
		Kind: entry.FaultAdded, Stage: "dev", Fault: fmt.Sprint(f), Spec: json.RawMessage(spec), FaultID: id,
	})
	r.heal[id] = r.gw.Faults().Add(f...)
}

func (r *recording) removeFault(id string) {
	r.add(entry.Entry{Kind: entry.FaultRemoved, Stage: "dev", FaultID: id, By: entry.ByPage})
	r.heal[id]()
}

func (r *recording) all() []entry.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]entry.Entry(nil), r.entries...)
}
