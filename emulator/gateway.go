package emulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/oneline"
)

// Gateway emulates one stage of one WebSocket API. It is a [gatesock.ConnectionsAPI] and a
// [net/http.Handler]. End it with [Gateway.Shutdown]; otherwise some idle goroutines remain. It is
// safe for concurrent use.
type Gateway struct {
	clock        Clock
	clockRuns    bool   // with the machine's, so that an invocation may start its timeouts late
	leaveClock   func() // ends what New has begun at a clock that can be moved
	faults       *Faults
	deploying    sync.Mutex // held by Deploy
	deployed     atomic.Pointer[deployment]
	ids          *idSource
	handshakes   atomic.Uint64 // how many there have been
	noteSpelling sync.Once
	crossOrigin  http.CrossOriginProtection

	running     tracker // invocations, and calls that may start one
	workers     *workers
	fronts      tracker // sockets and their writers
	invocations invocations
	holding     holding

	mu       sync.RWMutex
	sessions map[string]*Session // the open sessions, by connection id
	closing  bool
}

var _ gatesock.ConnectionsAPI = (*Gateway)(nil)

// ErrClosed is the error of [Session.Receive] and [Session.Disconnect] on a session that has ended.
var ErrClosed = errors.New("emulator: closed")

// New returns a gateway in front of h. The error names the setting of cfg that is not valid. New
// panics if h is nil, unless cfg.Handlers has a handler for each route.
//
// # Route selection expressions
//
// Config.RouteSelectionExpression has the syntax of AWS (Developer Guide, "WebSocket selection
// expressions"): literal text and variables. A variable is $request.body.path or, before more text,
// ${request.body.path}. A literal dollar sign is \$. A path consists of .name, ['name'], [0] and
// [*].
func New(h lambda.Handler, cfg Config) (*Gateway, error) {
	d, err := newDeployment("New", h, cfg)
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		clock:    d.cfg.Clock,
		faults:   d.cfg.Faults,
		ids:      newIDSource(d.cfg.Faults.enter()),
		workers:  newWorkers(),
		sessions: map[string]*Session{},
	}
	g.deployed.Store(d)
	g.enterClock()
	return g, nil
}

// enterClock finds out how the clock runs. One that runs and can be moved has the invocations start
// their timeouts before it moves.
func (g *Gateway) enterClock() {
	g.leaveClock = func() {}
	switch c := g.clock.(type) {
	case systemClock:
		g.clockRuns = true
	case *RunningClock:
		g.clockRuns = true
		g.leaveClock = c.beforeMoves(g.invocations.arm)
	}
}

// describe returns the description of the handler, with the routes of the configuration in place of
// its own, and the App that [gatesock.AppOf] finds, or nil. It logs a warning for each thing that
// neither describes. With IgnoreDescription there is no App.
func describe(h lambda.Handler, cfg Config) (gatesock.App, gatesock.Description) {
	var d gatesock.Description
	if cfg.IgnoreDescription {
		d.Routes = cfg.Routes
		return nil, d
	}
	var (
		app gatesock.App
		ok  bool
	)
	if h != nil {
		app, ok = gatesock.AppOf(h)
	}
	if ok {
		d = app.Describe()
	}
	if cfg.Routes != nil {
		d.Routes = cfg.Routes
	}
	warn := func(text string) {
		handler := slog.String("handler", fmt.Sprintf("%T", innermost(h)))
		cfg.logger().Warn("emulator: "+text+"; see gatesock.App", handler)
	}
	if d.Routes == nil {
		warn("the handler does not describe its routes: responses to messages are dropped" +
			" unless Config.Routes sets NeedsResponse")
	}
	if !ok && cfg.Authorizer == nil && cfg.IAM == nil {
		warn("the handler does not describe itself: any client may connect unless Config.Authorizer is set")
	}
	return app, d
}

// innermost returns the handler inside all wrappers that have an Unwrap method.
func innermost(h lambda.Handler) lambda.Handler {
	for range 100 {
		w, ok := h.(interface{ Unwrap() lambda.Handler })
		if !ok {
			break
		}
		h = w.Unwrap()
	}
	return h
}

// Quiesce waits until no invocation is running and the gateway has nothing else to do, such as the
// $disconnect after a timeout or after [Gateway.Disconnect]. It does not wait for what [Faults]
// hold back. It returns the error of ctx if ctx ends first.
func (g *Gateway) Quiesce(ctx context.Context) error { return g.running.wait(ctx) }

// Shutdown refuses new connections, closes the open ones (Undocumented.ShutdownClose), each with
// its $disconnect, and waits until all invocations and goroutines of the gateway have ended. A
// client that does not answer the close frame is cut off after a second.
//
// If ctx ends first, Shutdown cancels the contexts of the handlers that are still running. Its
// error names them and wraps the error of ctx. It may be called more than once.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.mu.Lock()
	g.closing = true
	g.mu.Unlock()
	g.dropHeld()
	defer g.leaveClock()
	for _, s := range g.Sessions() { // none is added any more
		s.end(g.config().Undocumented.ShutdownClose, byGateway).start()
	}
	err := g.running.wait(ctx)
	g.workers.stop()
	for _, t := range []*tracker{&g.fronts, &g.workers.running} {
		if err == nil {
			err = t.wait(ctx)
		}
	}
	if err != nil {
		if cut := g.invocations.cancel(); len(cut) > 0 {
			return fmt.Errorf("emulator: shutting down: %w; still running: %s", err, strings.Join(cut, ", "))
		}
		return fmt.Errorf("emulator: shutting down: %w", err)
	}
	return nil
}

// Session returns the open session with that connection id, also that of a client over a socket.
func (g *Gateway) Session(connectionID string) (*Session, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	s, ok := g.sessions[connectionID]
	return s, ok
}

// Sessions returns the open sessions in the order of their handshakes.
func (g *Gateway) Sessions() []*Session {
	g.mu.RLock()
	open := slices.Collect(maps.Values(g.sessions))
	g.mu.RUnlock()
	slices.SortFunc(open, func(a, b *Session) int { return cmp.Compare(a.number, b.number) })
	return open
}

// register adds an open session. It returns false if the gateway is closing.
func (g *Gateway) register(s *Session) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing {
		return false
	}
	g.sessions[s.id] = s
	return true
}

func (g *Gateway) unregister(s *Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, s.id)
}

// errNotReady is the error of a call that comes before the gateway exists.
var errNotReady = errors.New("the gateway does not exist yet: build has not returned")

// NewFunc returns a gateway in front of the handler that build returns. It is [New] for a handler
// that posts to its own clients, and thus needs the gateway that needs the handler:
//
//	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
//		return newRouter(conn.NewMemory(), api), nil
//	}, emulator.Config{Stage: "dev"})
//
// NewFunc calls build once and returns its error unchanged. The api works before the first event.
// Until then, for example in a goroutine that build starts, its calls fail with
// [gatesock.ErrNotSent]. NewFunc panics if build is nil or returns a nil handler.
func NewFunc(build func(api gatesock.ConnectionsAPI) (lambda.Handler, error), cfg Config) (*Gateway, error) {
	if build == nil {
		panic("emulator: NewFunc: build must not be nil")
	}
	api := new(comingGateway)
	h, err := build(api)
	if err != nil {
		return nil, err
	}
	if h == nil {
		panic("emulator: NewFunc: build returned a nil handler")
	}
	g, err := New(h, cfg)
	if err != nil {
		return nil, err
	}
	api.gateway.Store(g)
	return g, nil
}

// comingGateway is the @connections API of a gateway that does not exist yet.
type comingGateway struct{ gateway atomic.Pointer[Gateway] }

func (c *comingGateway) get(operation string, to gatesock.Target) (*Gateway, error) {
	if g := c.gateway.Load(); g != nil {
		return g, nil
	}
	return nil, fmt.Errorf("emulator: %s %.100q: %w: %w", operation, to.ConnectionID, gatesock.ErrNotSent, errNotReady)
}

func (c *comingGateway) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	g, err := c.get("post to", to)
	if err != nil {
		return err
	}
	return g.Post(ctx, to, data)
}

func (c *comingGateway) Info(ctx context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error) {
	g, err := c.get("info on", of)
	if err != nil {
		return gatesock.ConnectionInfo{}, err
	}
	return g.Info(ctx, of)
}

func (c *comingGateway) Disconnect(ctx context.Context, from gatesock.Target) error {
	g, err := c.get("disconnecting", from)
	if err != nil {
		return err
	}
	return g.Disconnect(ctx, from)
}

// maxLogged is the maximum length in bytes of a logged text that comes from a client or a handler.
const maxLogged = 2000

// logged returns an attribute whose value comes from a client or a handler.
func logged(key, value string) slog.Attr { return slog.String(key, oneline.Of(value, maxLogged)) }

func loggedError(err error) slog.Attr { return logged("error", err.Error()) }
