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
	posts int // under way
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

// post carries out a post, unless it comes too late. A nil watch lets everything pass.
func (w *watch) post(ctx context.Context, to gatesock.Target, do func() error) error {
	if w == nil {
		return do()
	}
	inv, marked := ctx.Value(invocationKey{}).(*invocation)
	if !marked {
		return w.postUnmarked(to, do)
	}
	if !inv.beginPost() {
		return w.late(inv, to)
	}
	defer inv.endPost()
	return do()
}

// postUnmarked carries out a post whose context is not a handler's: it is one of the test's own, or of a goroutine
// that a handler has started and that may outlive it. Only the goroutine's label can tell.
func (w *watch) postUnmarked(to gatesock.Target, do func() error) error {
	if goroutineID() == w.owner {
		return do()
	}
	if inv := w.lateCaller(); inv != nil {
		return w.late(inv, to)
	}
	before := w.endings()
	err := do()
	if w.endings() != before {
		if inv := w.lateCaller(); inv != nil {
			_ = w.late(inv, to)
		}
	}
	return err
}

func (w *watch) late(inv *invocation, to gatesock.Target) error {
	w.fail(fmt.Errorf("a post to %q was made after %s had returned", to.ConnectionID, inv))
	return postError(to, errLate)
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

func (i *invocation) beginPost() bool {
	i.watch.mu.Lock()
	defer i.watch.mu.Unlock()
	if i.ended {
		return false
	}
	i.posts++
	return true
}

func (i *invocation) endPost() {
	i.watch.mu.Lock()
	defer i.watch.mu.Unlock()
	i.posts--
}
