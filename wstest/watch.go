package wstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	eventkind "github.com/gatesock/gatesock/internal/event"
	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/internal/oneline"
	"github.com/gatesock/gatesock/internal/panics"
	"github.com/gatesock/gatesock/internal/proxyresponse"
	"github.com/gatesock/gatesock/wstest/internal/goroutines"
)

// errLate refuses calls that come after the handler that makes them has returned.
var errLate = errors.New("the handler that makes the call has returned")

// errUnfinished is the error of a call whose handler does not return.
var errUnfinished = errors.New("the handler has not returned")

// maxPanic is how many bytes of a panic's value a failure shows. The value often contains text from
// a client.
const maxPanic = 2000

// watch is the handler between a gateway and the handler under test. It marks the context and the
// goroutine of every invocation, so that it can recognize what an invocation leaves behind, and
// collects the errors that fail the test at its end.
type watch struct {
	next         lambda.Handler
	goroutines   *goroutines.Set // of the invocations; a label is "NUMBER CONNECTION ROUTE"
	owner        string          // the id of the test's own goroutine
	undocumented emulator.Undocumented

	mu       sync.Mutex
	begun    int
	ended    int
	running  map[int]*invocation
	failures []error

	ledger ledger // of what AtMost counts
	crashes

	disconnected map[string]bool // connections whose $disconnect has ended, or is not to be waited for
	halfOpen     map[string]bool // connections whose client is gone without the gateway's knowledge
	changed      chan struct{}   // closed and replaced when one is added
}

// newWatch returns a watch around a handler. Its name must be unique and without spaces.
func newWatch(next lambda.Handler, name string) *watch {
	return &watch{
		next: next, goroutines: goroutines.New(name), owner: goroutines.ID(), running: make(map[int]*invocation),
		disconnected: make(map[string]bool), halfOpen: make(map[string]bool), changed: make(chan struct{}),
	}
}

// Unwrap returns the handler under test, for [gatesock.AppOf].
func (w *watch) Unwrap() lambda.Handler { return w.next }

// Invoke runs the handler with a marked context and a labelled goroutine.
func (w *watch) Invoke(ctx context.Context, event []byte) (response []byte, err error) {
	inv := w.begin(event)
	if d, ok := ctx.Value(dialKey{}).(*dial); ok {
		d.saw(inv.connection)
	}
	defer w.end(inv)
	ctx = context.WithValue(context.WithValue(ctx, invocationKey{}, inv), observing.CallsKey{}, &w.ledger)
	w.goroutines.Do(ctx, inv.label(), func(ctx context.Context) { response, err = w.call(ctx, inv, event) })
	return response, err
}

// call calls the handler and records what no handler may do.
func (w *watch) call(ctx context.Context, inv *invocation, event []byte) (response []byte, err error) {
	panics.Watch("wstest: panic of a handler", func() {
		response, err = w.next.Invoke(ctx, event)
	}, func(end error) {
		var p *panics.Error
		switch {
		case errors.As(end, &p):
			err = fmt.Errorf("%s panicked: %s", inv, oneline.Of(fmt.Sprint(p.Value), maxPanic))
			w.fail(fmt.Errorf("%w\n%s", err, p.Stack))
		case end != nil: // the gateway answers in its place
			w.fail(fmt.Errorf("%s ended its goroutine, by runtime.Goexit or a FailNow", inv))
		}
	})
	if err == nil && eventkind.Read(event).Kind != eventkind.Authorizer { // whose response has another form
		if _, bad := proxyresponse.Decode(response, w.undocumented.AcceptStringStatus); bad != nil {
			w.fail(fmt.Errorf("%s: %w: %s", inv, bad, clip(string(response))))
		}
	}
	return response, err
}

func (w *watch) begin(event []byte) *invocation {
	inv := newInvocation(event)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun++
	inv.number, inv.watch = w.begun, w
	w.running[inv.number] = inv
	return inv
}

// end ends an invocation, even if its goroutine ends.
func (w *watch) end(inv *invocation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if inv.calls > 0 && !w.died[inv.number] {
		w.failures = append(w.failures, fmt.Errorf("%s returned before %d of its posts, or other calls of @connections, had ended", inv, inv.calls))
	}
	delete(w.running, inv.number)
	w.ended++
	inv.ended = true
	if inv.route == gatesock.RouteDisconnect {
		w.disconnect(inv.connection)
	}
}

// disconnect records that there is no $disconnect to wait for any more. The caller holds the lock.
func (w *watch) disconnect(connection string) {
	w.disconnected[connection] = true
	close(w.changed)
	w.changed = make(chan struct{})
}

// faulted is called for each fault of the gateway that happens.
func (w *watch) faulted(e emulator.FaultEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch name := e.Fault.Name(); {
	case name == emulator.HalfOpen(0, 0).Name():
		w.halfOpen[e.ConnectionID] = true
		w.disconnect(e.ConnectionID)
	case name == emulator.LoseDisconnect().Name(), name == emulator.DelayDisconnect(0).Name(),
		name == emulator.ColdStart(0).Name() && e.Route == gatesock.RouteDisconnect:
		w.disconnect(e.ConnectionID)
	}
}

// isHalfOpen reports whether the client of a connection is gone without the gateway's knowledge.
func (w *watch) isHalfOpen(connection string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.halfOpen[connection]
}

// awaitDisconnect returns when the $disconnect of a connection has ended.
func (w *watch) awaitDisconnect(ctx context.Context, connection string) error {
	for {
		w.mu.Lock()
		ended, changed := w.disconnected[connection], w.changed
		w.mu.Unlock()
		if ended {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the end of $disconnect: %w", ctx.Err())
		}
	}
}

// unfinished returns the error of a call that has waited too long for the handler. It lists the
// running invocations of a connection, or all if connection is empty, with their stacks. It returns
// nil if none is running.
func (w *watch) unfinished(connection string, limit time.Duration) error {
	running := make(map[int]bool)
	for _, inv := range w.stillRunning() {
		if connection == "" || inv.connection == connection {
			running[inv.number] = true
		}
	}
	if len(running) == 0 {
		return nil
	}
	var b strings.Builder
	for _, g := range w.goroutines.All() {
		if inv := w.parseLabel(g.Label); running[inv.number] {
			fmt.Fprintf(&b, "\n%s is still running:\n\t%s", inv, strings.Join(g.Stack, "\n\t"))
		}
	}
	return fmt.Errorf("%w after %v (see WithTimeout):%s", errUnfinished, limit, &b)
}

func (w *watch) stillRunning() []*invocation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.running))
}

// leakGrace is how long goroutines have to end after the harness. Only a failing test waits for so
// long.
const leakGrace = 5 * time.Second

// idle are functions of goroutines that outlive a request on purpose.
func idle() []string {
	return []string{
		"net/http.(*persistConn).",
		"net/http.(*http2clientConnReadLoop).",
		"net/http.(*http2ClientConn).",
		"golang.org/x/net/http2.(*clientConnReadLoop).",
		"golang.org/x/net/http2.(*ClientConn).",
	}
}

// leaks waits for the goroutines that handlers have started, and returns an error for each that
// does not end.
func (w *watch) leaks(ignored []string) []error {
	ignored = append(idle(), ignored...)
	pause := 100 * time.Microsecond
	for waited := time.Duration(0); ; waited += pause {
		left := w.left(ignored)
		if len(left) == 0 || waited >= leakGrace {
			return left
		}
		pause = min(2*pause, leakGrace/20)
		<-time.After(pause)
	}
}

func (w *watch) left(ignored []string) []error {
	var left []error
	for _, g := range w.goroutines.All() {
		if g.In(ignored...) {
			continue
		}
		left = append(left, fmt.Errorf("%s left %d %s running:\n\t%s",
			w.parseLabel(g.Label), g.Count, plural(g.Count, "goroutine"), strings.Join(g.Stack, "\n\t")))
	}
	return left
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// fail records an error that fails the test at its end.
func (w *watch) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, err)
}

// take returns the recorded errors and forgets them.
func (w *watch) take() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := slices.Clone(w.failures)
	w.failures = nil
	return list
}

// invocation is one call of the handler.
type invocation struct {
	watch      *watch
	number     int
	route      string
	connection string

	// Guarded by watch.mu.
	calls int // running calls of the @connections API
	ended bool
}

type invocationKey struct{}

func newInvocation(event []byte) *invocation {
	var e struct {
		RequestContext struct{ RouteKey, ConnectionID string }
	}
	// A malformed event shows in the handler's response.
	_ = json.Unmarshal(event, &e)
	return &invocation{route: e.RequestContext.RouteKey, connection: e.RequestContext.ConnectionID}
}

// String describes the invocation in a failure.
func (i *invocation) String() string {
	return fmt.Sprintf("the handler of route %q for connection %s", i.route, i.connection)
}

// label returns the label of the invocation's goroutines.
func (i *invocation) label() string { return fmt.Sprintf("%d %s %s", i.number, i.connection, i.route) }

// parseLabel returns the invocation of a label.
func (w *watch) parseLabel(label string) *invocation {
	number, rest, _ := strings.Cut(label, " ")
	connection, route, _ := strings.Cut(rest, " ")
	n, _ := strconv.Atoi(number) // label has written it
	return &invocation{watch: w, number: n, connection: connection, route: route}
}

// operation is a call of the @connections API, as failures describe it.
type operation string

const (
	posting       operation = "a post to"
	asking        operation = "a request for the info of"
	disconnecting operation = "a disconnection of"
)

// fail returns the error of an operation.
func (op operation) fail(to gatesock.Target, err error) error {
	switch op {
	case asking:
		return infoError(to, err)
	case disconnecting:
		return disconnectError(to, err)
	default:
		return postError(to, err)
	}
}

// operate performs an operation, unless the handler that makes it has returned. A nil watch
// performs all.
func (w *watch) operate(ctx context.Context, op operation, to gatesock.Target, do func() error) error {
	if w == nil {
		return do()
	}
	inv, marked := ctx.Value(invocationKey{}).(*invocation)
	if !marked {
		return w.operateUnmarked(op, to, do)
	}
	if !inv.beginCall() {
		return w.late(inv, op, to)
	}
	defer inv.endCall()
	return do()
}

// operateUnmarked performs an operation whose context is not a handler's. Either the test itself
// makes it, or a goroutine that a handler has started and that may outlive the handler; only the
// goroutine's label shows which.
func (w *watch) operateUnmarked(op operation, to gatesock.Target, do func() error) error {
	if goroutines.ID() == w.owner {
		return do()
	}
	if inv := w.lateCaller(); inv != nil {
		return w.late(inv, op, to)
	}
	before := w.endings()
	err := do()
	if w.endings() != before {
		if inv := w.lateCaller(); inv != nil {
			_ = w.late(inv, op, to)
		}
	}
	return err
}

func (w *watch) late(inv *invocation, op operation, to gatesock.Target) error {
	if w.hasDied(inv) {
		return op.fail(to, ErrCrashed)
	}
	w.fail(fmt.Errorf("%s %.100q was made after %s had returned", op, to.ConnectionID, inv))
	return op.fail(to, errLate)
}

func (w *watch) endings() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

// lateCaller returns the invocation that started the calling goroutine if the invocation has ended,
// or else nil.
func (w *watch) lateCaller() *invocation {
	if w.endings() == 0 {
		return nil
	}
	label, ok := w.goroutines.Current()
	if !ok {
		return nil
	}
	inv := w.parseLabel(label)
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, running := w.running[inv.number]; running {
		return nil
	}
	return inv
}

func (i *invocation) beginCall() bool {
	i.watch.mu.Lock()
	defer i.watch.mu.Unlock()
	if i.ended {
		return false
	}
	i.calls++
	return true
}

func (i *invocation) endCall() {
	i.watch.mu.Lock()
	defer i.watch.mu.Unlock()
	i.calls--
}
