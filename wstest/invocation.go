package wstest

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/pprof"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock"
)

// labelKey is the key of the profiler label that invocations carry, and all goroutines that they start.
const labelKey = "gatesock/wstest"

// invocation is one call of a handler.
type invocation struct {
	watch      *watch
	number     int
	route      string
	connection string

	// Guarded by watch.mu.
	calls int // of the @connections API, under way
	ended bool
}

type invocationKey struct{}

func newInvocation(event []byte) *invocation {
	var e struct {
		RequestContext struct{ RouteKey, ConnectionID string }
	}
	// An event that is none shows in what the handler makes of it.
	_ = json.Unmarshal(event, &e)
	return &invocation{route: e.RequestContext.RouteKey, connection: e.RequestContext.ConnectionID}
}

// String names the invocation in a failure.
func (i *invocation) String() string {
	return fmt.Sprintf("the handler of route %q for connection %s", i.route, i.connection)
}

// do calls f with a marked context and a labelled goroutine.
func (i *invocation) do(ctx context.Context, f func(context.Context)) {
	value := fmt.Sprintf("%s %d %s %s", i.watch.label, i.number, i.connection, i.route)
	pprof.Do(context.WithValue(ctx, invocationKey{}, i), pprof.Labels(labelKey, value), f)
}

// parseLabel gives the invocation of this watch that a label belongs to.
func (w *watch) parseLabel(value string) (*invocation, bool) {
	parts := strings.SplitN(value, " ", 4)
	if len(parts) < 4 || parts[0] != w.label {
		return nil, false
	}
	number, err := strconv.Atoi(parts[1])
	return &invocation{watch: w, number: number, connection: parts[2], route: parts[3]}, err == nil
}

// operation is one of the @connections API, as failures name it.
type operation string

const (
	posting       operation = "a post to"
	asking        operation = "a request for the info of"
	disconnecting operation = "a disconnection of"
)

// fail returns the error of an operation that did not succeed.
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

// operate carries out an operation, unless it comes too late. A nil watch lets everything pass.
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

// operateUnmarked carries out an operation whose context is not a handler's: it is one of the test's own, or of a goroutine
// that a handler has started and that may outlive it. Only the goroutine's label can tell.
func (w *watch) operateUnmarked(op operation, to gatesock.Target, do func() error) error {
	if goroutineID() == w.owner {
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
	w.fail(fmt.Errorf("%s %.100q was made after %s had returned", op, to.ConnectionID, inv))
	return op.fail(to, errLate)
}

func (w *watch) endings() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

// lateCaller gives the invocation that has started the calling goroutine, if it has ended.
func (w *watch) lateCaller() *invocation {
	if w.endings() == 0 {
		return nil
	}
	inv := w.ownInvocation()
	if inv == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, running := w.running[inv.number]; running {
		return nil
	}
	return inv
}

// ownInvocation gives the invocation whose label the calling goroutine carries. A profile has no ids of goroutines; but
// of this watch's only one at a time is in examine.
func (w *watch) ownInvocation() *invocation {
	w.examining.Lock()
	defer w.examining.Unlock()
	return w.examine()
}

//go:noinline
func (w *watch) examine() *invocation {
	for _, g := range w.goroutines() {
		if g.in(examineFunction) {
			return g.invocation
		}
	}
	return nil
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
