package wstest

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

// Harness is a gateway in front of a handler, for one test. [New] makes one without sockets,
// [NewServer] one that listens on a port. It is safe for concurrent use.
type Harness struct {
	t        testing.TB
	cfg      emulator.Config
	gateway  *emulator.Gateway
	watch    *watch
	recorder *Recorder
	ignored  []string
	log      *testLog
	closed   atomic.Bool
	stop     func(context.Context) error // of a server

	clients
}

// New returns a gateway in front of h, without sockets, and with a clock that only
// [Harness.Advance] moves. It is closed when the test ends, and then fails the test for what would
// go wrong in Lambda; see [Harness.Close]. New fails the test if h is nil, or if [emulator.New]
// does not accept the configuration.
func New(t testing.TB, h lambda.Handler, opts ...Option) *Harness {
	t.Helper()
	return newHarness(t, h, settings{config: emulator.Config{Clock: emulator.NewManualClock(time.Now())}}, opts)
}

func newHarness(t testing.TB, h lambda.Handler, s settings, opts []Option) *Harness {
	t.Helper()
	if h == nil {
		t.Fatalf("wstest: h must not be nil")
		return nil
	}
	out := &testLog{t: t}
	s.config.Logger = slog.New(slog.NewTextHandler(out, nil))
	for _, o := range opts {
		if o == nil {
			panic("wstest: New: an option is nil")
		}
		o.applyHarness(&s)
	}
	if s.recorder == nil {
		s.recorder = NewRecorder()
	}
	w := newWatch(h, rand.Text())
	w.undocumented = s.config.Undocumented
	gateway, err := emulator.New(w, s.config)
	if err != nil {
		t.Fatalf("wstest: the gateway: %v", err)
		return nil
	}
	hs := &Harness{
		t: t, cfg: s.config, gateway: gateway, watch: w, recorder: s.recorder,
		ignored: s.ignored, log: out,
	}
	hs.timeout, hs.envelope, hs.now = s.timeout, namesOf(h), hs.Now
	s.recorder.join(w, gateway, hs.Now)
	gateway.Faults().OnFault(w.faulted)
	t.Cleanup(hs.Close)
	return hs
}

// Gateway returns the gateway, for tasks that the harness has no method for.
func (h *Harness) Gateway() *emulator.Gateway { return h.gateway }

// Faults returns the faults of the gateway, for what goes wrong around the application: a lost or
// late $disconnect, a client that is gone without notice, messages in another order, cold starts
// and quotas. They concern all calls of @connections, also those that do not come through the
// recorder.
//
//	h.Faults().Add(emulator.DelayDisconnect(time.Minute).For(alice.ID()))
//	alice.Close(1000, "")
//	h.Advance(time.Minute) // now $disconnect comes
//
// Calls such as [Client.SendText] and [Client.Close] do not wait for what a fault delays;
// [Harness.Advance] makes it happen. Only Connect waits for a cold start of $connect, and a handler
// for a post that is [emulator.Slow]: then another goroutine must advance the clock, or a synctest
// bubble provides the time.
func (h *Harness) Faults() *emulator.Faults { return h.gateway.Faults() }

// Poster returns the recorder that posts to the gateway's clients: that of [WithPoster], or the
// harness's own.
func (h *Harness) Poster() *Recorder { return h.recorder }

// Now returns the time on the gateway's clock.
func (h *Harness) Now() time.Time {
	if h.cfg.Clock == nil {
		return time.Now()
	}
	return h.cfg.Clock.Now()
}

// Advance moves the gateway's clock forward by d, and returns when everything due in that time has
// happened: for example, idle connections are closed, and their $disconnect has ended. It fails the
// test if the clock has no method Advance(time.Duration), such as the machine's clock of a
// [Server]; see [WithConfig].
func (h *Harness) Advance(d time.Duration) {
	h.t.Helper()
	clock, ok := h.cfg.Clock.(interface{ Advance(time.Duration) })
	if !ok {
		h.t.Fatalf("wstest: the harness's clock, a %T, has no method Advance; set an *emulator.ManualClock by WithConfig", h.cfg.Clock)
		return
	}
	clock.Advance(d)
}

// Connect connects a client. It fails the test if the connection is refused.
func (h *Harness) Connect(opts ...ConnectOption) *Client {
	h.t.Helper()
	c, refused := h.connect(opts)
	if refused != nil {
		h.t.Fatalf("wstest: expected the connection to open, but it was refused with status %d %s", refused.StatusCode, clip(refused.Message))
	}
	return c
}

// ConnectRefused tries to connect, and returns the HTTP status with which the connection is
// refused. It fails the test if the connection opens.
func (h *Harness) ConnectRefused(opts ...ConnectOption) int {
	h.t.Helper()
	c, refused := h.connect(opts)
	if refused == nil {
		h.t.Fatalf("wstest: expected the connection to be refused, but it opened as %s", c)
		return 0
	}
	return refused.StatusCode
}

// connect connects a client, or returns how the connection was refused.
func (h *Harness) connect(opts []ConnectOption) (*Client, *emulator.HandshakeError) {
	h.t.Helper()
	r := newRequest(opts)
	c := h.newClient(h.t, r)
	if err := r.inMemory(); err != nil {
		h.t.Fatalf("wstest: %s can't connect: %v", clip(c.name), err)
		return nil, nil
	}
	l := &memoryLink{harness: h, inbox: c.inbox}
	c.link = l
	session, err := h.handshake(r, l)
	if err != nil && h.watch.lostHandshake() {
		session, err = h.handshake(r, l)
	}
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

// handshake connects l. It waits no longer than h's patience.
func (h *Harness) handshake(r *request, l *memoryLink) (*emulator.Session, error) {
	type result struct {
		session *emulator.Session
		err     error
	}
	done := make(chan result, 1)
	go func() { // outlives the call only if the test fails, and ends with the handler
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
		got := <-done // the handler has just returned
		return got.session, got.err
	}
}

// patience returns how long a call waits for a handler: the duration of WithTimeout, or else
// settleTimeout. If the gateway uses real time, its integration timeout comes first.
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

// TakeErrors returns the errors that would fail the test at its end so far, and removes them. With
// it, a test can cause a panic or a malformed response on purpose.
func (h *Harness) TakeErrors() []error { return h.watch.take() }

// Close ends the harness before the end of the test does. It closes all connections, and each has
// its $disconnect. Then it fails the test, with the route and the connection, if
//
//   - a handler has panicked without [gatesock.Recover], or returned a response that the gateway
//     refuses;
//   - a goroutine that a handler started is still running after five seconds, because Lambda would
//     freeze it;
//   - a post through the recorder had not ended when its handler returned, or began afterwards.
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
	h.watch.bury()
	leaks := h.watch.leaks(h.ignored)
	h.recorder.leave()
	h.log.close()
	for _, err := range append(h.watch.take(), leaks...) {
		h.t.Errorf("wstest: %v", err)
	}
}

// awaitDisconnects returns when the $disconnect of every client whose connection the gateway has
// closed has ended.
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

// hasDisconnect reports whether the API has a route $disconnect that the handler serves.
func (h *Harness) hasDisconnect() bool {
	routes := h.cfg.Routes
	if app, ok := gatesock.AppOf(h.watch); ok && routes == nil {
		routes = app.Describe().Routes
	}
	for _, r := range routes {
		if r.Key == gatesock.RouteDisconnect {
			return r.Mock == nil
		}
	}
	return routes == nil
}

// testLog writes the gateway's log to the test's log until the test ends.
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
