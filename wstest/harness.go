package wstest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

// Harness is a gateway in front of a handler, for one test. It is safe for concurrent use.
type Harness struct {
	t        testing.TB
	cfg      emulator.Config
	gateway  *emulator.Gateway
	watch    *watch
	recorder *Recorder
	timeout  time.Duration
	ignored  []string
	envelope gatesock.Envelope
	log      *testLog
	refs     atomic.Uint64
	names    atomic.Uint64
	closed   atomic.Bool
	stop     func(context.Context) error // of a server

	mu      sync.Mutex
	clients []*Client
}

// New returns a gateway in front of h, without sockets, and with a clock that [Harness.Advance] moves. It is closed
// when the test ends; see [Harness.Close] for what then fails the test.
func New(t testing.TB, h lambda.Handler, opts ...Option) *Harness {
	t.Helper()
	return newHarness(t, h, settings{config: emulator.Config{Clock: emulator.NewManualClock(time.Now())}}, opts)
}

func newHarness(t testing.TB, h lambda.Handler, s settings, opts []Option) *Harness {
	t.Helper()
	out := &testLog{t: t}
	s.config.Logger = slog.New(slog.NewTextHandler(out, nil))
	for _, o := range opts {
		o.applyHarness(&s)
	}
	if s.recorder == nil {
		s.recorder = NewRecorder()
	}
	w := newWatch(h, rand.Text())
	w.unknown = s.config.Undocumented
	gateway, err := emulator.New(w, s.config)
	if h == nil || err != nil {
		t.Fatalf("wstest: the gateway: %v", errors.Join(err, missing(h)))
		return nil
	}
	hs := &Harness{
		t: t, cfg: s.config, gateway: gateway, watch: w, recorder: s.recorder,
		timeout: s.timeout, ignored: s.ignored, log: out, envelope: namesOf(h),
	}
	s.recorder.join(w, gateway, hs.Now)
	t.Cleanup(hs.Close)
	return hs
}

func missing(h lambda.Handler) error {
	if h == nil {
		return errors.New("there is no handler")
	}
	return nil
}

// Gateway is the gateway, for what the harness has no method for.
func (h *Harness) Gateway() *emulator.Gateway { return h.gateway }

// Poster is the recorder that posts to the gateway's clients: that of [WithPoster], or the harness's own.
func (h *Harness) Poster() *Recorder { return h.recorder }

// Now is the gateway's time.
func (h *Harness) Now() time.Time {
	if h.cfg.Clock == nil {
		return time.Now()
	}
	return h.cfg.Clock.Now()
}

// Advance moves the gateway's clock, and returns when all has happened that falls due on the way, as idle
// connections being closed and their $disconnect. A clock of [WithConfig] needs a method Advance(time.Duration).
func (h *Harness) Advance(d time.Duration) {
	h.t.Helper()
	clock, ok := h.cfg.Clock.(interface{ Advance(time.Duration) })
	if !ok {
		h.t.Fatalf("wstest: the harness's clock, a %T, has no method Advance; give it an *emulator.ManualClock by WithConfig", h.cfg.Clock)
		return
	}
	clock.Advance(d)
}

// Connect connects a client, and fails the test if it is refused.
func (h *Harness) Connect(opts ...ConnectOption) *Client {
	h.t.Helper()
	c, refused := h.TryConnect(opts...)
	if refused != nil {
		h.t.Fatalf("wstest: expected the connection to open, but it was refused with status %d %s", refused.StatusCode, clip(refused.Message))
	}
	return c
}

// ConnectRefused demands that a connection is refused, and gives the HTTP status.
func (h *Harness) ConnectRefused(opts ...ConnectOption) int {
	h.t.Helper()
	c, refused := h.TryConnect(opts...)
	if refused == nil {
		h.t.Fatalf("wstest: expected the connection to be refused, but it opened as %s", c)
		return 0
	}
	return refused.StatusCode
}

// TryConnect connects a client, or tells how it was refused. One of the two is nil.
func (h *Harness) TryConnect(opts ...ConnectOption) (*Client, *emulator.HandshakeError) {
	h.t.Helper()
	r := newRequest(opts)
	c := h.newClient(h.t, r)
	if r.err != nil {
		h.t.Fatalf("wstest: %s can't connect: %v", clip(c.name), r.err)
		return nil, nil
	}
	l := &memoryLink{harness: h, inbox: c.inbox}
	c.link = l
	session, err := h.handshake(r, l)
	if err != nil {
		var refused *emulator.HandshakeError
		if !errors.As(err, &refused) {
			h.t.Fatalf("wstest: %s can't connect: %v", clip(c.name), err)
		}
		return nil, refused
	}
	l.session = session
	c.id, c.subprotocol = session.ID(), session.Subprotocol()
	h.add(c)
	return c, nil
}

// handshake connects l, and waits for as long as h is patient.
func (h *Harness) handshake(r *request, l *memoryLink) (*emulator.Session, error) {
	type result struct {
		session *emulator.Session
		err     error
	}
	done := make(chan result, 1)
	go func() { // it outlives the call only if the test has failed, and then ends with the handler
		s, err := h.gateway.Connect(context.Background(), r.Handshake, l)
		done <- result{s, err}
	}()
	timer := time.NewTimer(h.patience())
	defer timer.Stop()
	select {
	case got := <-done:
		return got.session, got.err
	case <-timer.C:
		if err := h.watch.unfinished("", h.patience()); err != nil {
			return nil, err
		}
		got := <-done // the handler has returned just now
		return got.session, got.err
	}
}

// patience is how long a call waits for a handler: WithTimeout; otherwise settleTimeout, and where the gateway's time passes by
// itself, so much after its own timeout.
func (h *Harness) patience() time.Duration {
	switch {
	case h.timeout > 0:
		return h.timeout
	case h.cfg.Clock != nil:
		return settleTimeout
	case h.cfg.IntegrationTimeout > 0:
		return settleTimeout + h.cfg.IntegrationTimeout
	}
	return settleTimeout + 29*time.Second // the gateway's default
}

func (h *Harness) newClient(t testing.TB, r *request) *Client {
	t.Helper()
	c := &Client{t: t, name: r.user, inbox: newInbox(h.Now, h.envelope), timeout: h.timeout, refs: &h.refs}
	if n := h.names.Add(1); c.name == "" {
		c.name = fmt.Sprintf("client %d", n)
	}
	return c
}

// Faults gives what would have failed the test at its end so far, and forgets it: the test then answers for it. With
// it a test can provoke a panic or a malformed response on purpose.
func (h *Harness) TakeErrors() []error { return h.watch.take() }

// Close ends the harness; the end of the test does it otherwise. It closes all connections, each with its $disconnect,
// and then fails the test, naming route and connection, if
//
//   - a handler has panicked, without a gatesock.Recover around it, or given a response that the gateway refuses;
//   - a goroutine that a handler has started is still running five seconds later: in Lambda it would be frozen;
//   - a post through the recorder was made, or was still under way, after the handler that made it had returned.
func (h *Harness) Close() {
	h.t.Helper()
	if !h.closed.CompareAndSwap(false, true) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	if err := h.gateway.Shutdown(ctx); err != nil {
		h.watch.fail(err)
	}
	if h.stop != nil {
		if err := h.stop(ctx); err != nil {
			h.watch.fail(err)
		}
	}
	leaks := h.watch.leaks(h.ignored)
	h.recorder.leave()
	h.log.close()
	for _, err := range append(h.watch.take(), leaks...) {
		h.t.Errorf("wstest: %v", err)
	}
}

func (h *Harness) add(c *Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients = append(h.clients, c)
}

func (h *Harness) connected() []*Client {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.clients)
}

// awaitDisconnects returns when $disconnect has ended for every client whose connection the gateway has closed.
func (h *Harness) awaitDisconnects(ctx context.Context) error {
	for _, c := range h.connected() {
		if c.inbox.endedByGateway() {
			if err := h.awaitDisconnect(ctx, c.id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *Harness) awaitDisconnect(ctx context.Context, id string) error {
	if id == "" || !h.hasDisconnect() {
		return nil
	}
	return h.watch.awaitDisconnect(ctx, id)
}

// hasDisconnect tells whether the API has a route $disconnect.
func (h *Harness) hasDisconnect() bool {
	routes := h.cfg.Routes
	if app, ok := gatesock.AppOf(h.watch); ok && routes == nil {
		routes = app.Describe().Routes
	}
	for _, r := range routes {
		if r.Key == gatesock.RouteDisconnect {
			return true
		}
	}
	return routes == nil
}

// testLog writes the gateway's log to the test's, as long as that lives.
type testLog struct {
	t      testing.TB
	mu     sync.Mutex
	closed bool
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return len(p), nil
	}
	return l.t.Output().Write(p)
}

func (l *testLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}
