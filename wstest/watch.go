package wstest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	eventkind "github.com/gatesock/gatesock/internal/event"
	"github.com/gatesock/gatesock/internal/oneline"
	"github.com/gatesock/gatesock/internal/proxyresponse"
)

// errLate refuses calls that come after the handler that makes them has returned.
var errLate = errors.New("the handler that makes the call has returned")

// maxPanic is how many bytes of what a handler panics with a failure shows: it often has what a client has sent.
const maxPanic = 2000

// errUnfinished is how a call fails whose handler does not return.
var errUnfinished = errors.New("the handler has not returned")

// watch stands between a gateway and a handler. It marks the context and the goroutine of every invocation, so that
// what an invocation leaves behind can be told from everything else, and keeps what the test has to answer for.
type watch struct {
	next  lambda.Handler
	label string // unique to this watch
	owner string // the id of the goroutine that made it: the test's own

	unknown emulator.Undocumented

	examining sync.Mutex // held by the goroutine that is in ownInvocation

	mu       sync.Mutex
	begun    int
	ended    int
	running  map[int]*invocation
	failures []error

	disconnected map[string]bool // connections whose $disconnect has ended
	changed      chan struct{}   // closed and replaced when one is added
}

func newWatch(next lambda.Handler, label string) *watch {
	return &watch{
		next: next, label: label, owner: goroutineID(), running: make(map[int]*invocation),
		disconnected: make(map[string]bool), changed: make(chan struct{}),
	}
}

// Unwrap returns the handler, which describes itself; see [gatesock.AppOf].
func (w *watch) Unwrap() lambda.Handler { return w.next }

// Invoke runs the handler with a marked context, and with a label that every goroutine which the handler starts
// inherits.
func (w *watch) Invoke(ctx context.Context, event []byte) (response []byte, err error) {
	inv := w.begin(event)
	if d, ok := ctx.Value(dialKey{}).(*dial); ok {
		d.saw(inv.connection)
	}
	defer w.end(inv)
	inv.do(ctx, func(ctx context.Context) { response, err = w.call(ctx, inv, event) })
	return response, err
}

// call calls the handler and takes note of what no handler should do.
func (w *watch) call(ctx context.Context, inv *invocation, event []byte) (response []byte, err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		if v == nil { // the gateway deals with it
			w.fail(fmt.Errorf("%s ended its goroutine, by runtime.Goexit or a FailNow", inv))
			return
		}
		err = fmt.Errorf("%s panicked: %s", inv, oneline.Of(fmt.Sprint(v), maxPanic))
		w.fail(fmt.Errorf("%w\n%s", err, debug.Stack()))
	}()
	response, err = w.next.Invoke(ctx, event)
	returned = true
	if err == nil && eventkind.Read(event).Kind != eventkind.Authorizer { // which is answered otherwise
		if _, bad := proxyresponse.Decode(response, w.unknown.AcceptStringStatus); bad != nil {
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

// end ends an invocation, also one whose goroutine ends.
func (w *watch) end(inv *invocation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if inv.calls > 0 {
		w.failures = append(w.failures, fmt.Errorf("%s returned while %d of its posts, or other calls of @connections, were under way", inv, inv.calls))
	}
	delete(w.running, inv.number)
	w.ended++
	inv.ended = true
	if inv.route == gatesock.RouteDisconnect {
		w.disconnected[inv.connection] = true
		close(w.changed)
		w.changed = make(chan struct{})
	}
}

// awaitDisconnect returns when $disconnect has ended for a connection.
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

// unfinished is the error of a call that has waited in vain for the handler: it names the invocations that still run
// for a connection, or all if that is empty, with their stacks. It is nil if none does.
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
	for _, g := range w.goroutines() {
		if running[g.invocation.number] {
			fmt.Fprintf(&b, "\n%s is still running:\n\t%s", g.invocation, strings.Join(g.stack, "\n\t"))
		}
	}
	return fmt.Errorf("%w after %v (see WithTimeout):%s", errUnfinished, limit, &b)
}

func (w *watch) stillRunning() []*invocation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.running))
}

// fail takes note of something that fails the test at its end.
func (w *watch) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, err)
}

// take gives the failures so far, and forgets them.
func (w *watch) take() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := slices.Clone(w.failures)
	w.failures = nil
	return list
}
