package conn

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/oneline"
)

// EndCause says what ended a record.
type EndCause string

// What ends a record. Whoever calls [Store.Delete] says so with [WithEndCause].
const (
	EndDisconnected EndCause = "disconnected" // its $disconnect came; see Track
	EndRefused      EndCause = "refused"      // its handshake was refused, or failed, after the record was put; see Track
	EndReplaced     EndCause = "replaced"     // it was a leftover of another connection with the same id; see Track
	EndPruned       EndCause = "pruned"       // a post found the connection gone
	EndSwept        EndCause = "swept"        // a sweeper found the connection gone
	EndExpired      EndCause = "expired"      // its time was over, and the store came across it
	EndDeleted      EndCause = "deleted"      // Delete was called for another reason
)

// EndedFunc is called for a record that has ended, with the record as it was, so that an application can say "left" to
// its groups. [WithEnded] and dynamo.WithEnded give it to a store.
//
// It is called once for each record that a store removes, whatever has removed it: $disconnect, a broadcast that found
// the connection gone, a sweeper, the application itself. Of a handshake that was refused after its record was put, cause
// is [EndRefused]: whether that is a departure is for the application, which may have announced an arrival. What no store
// comes across is not announced: a record that the backend's own expiry deletes, and one whose removal was carried out
// while the answer was lost.
//
// It runs in the goroutine of the call that removed the record, after the record and its memberships are gone and before
// the call returns. It may call the store and broadcast. Calls are not nested: what ends because of what it does, such as
// a connection that its broadcast finds gone, is announced when it has returned, by the same goroutine. Records that
// end at the same time elsewhere are announced at the same time: it must be safe for concurrent use.
//
// The removal stands whatever it does: a panic is logged to [slog.Default] and goes no further. Its context is not
// cancelled with that of the call, and ends at that one's deadline, which may be over: callers that have a deadline
// need what comes after it for something else. See [WithEndCause]. In a removal by [Track], whose event may have no time
// left, each call has 2 seconds at the least.
type EndedFunc func(ctx context.Context, c Conn, cause EndCause)

// endedGrace is the least time that an EndedFunc has in a removal by Track.
const endedGrace = 2 * time.Second

type (
	endingKey  struct{}
	endedQueue struct{}
)

// ending is what a context says of a removal.
type ending struct {
	cause    EndCause
	deadline time.Time     // of the context that it was said in; zero if it has none
	least    time.Duration // what each EndedFunc has also if the deadline is nearer
}

// WithEndCause returns a context for a call of [Store.Delete] that says why the record ends. The [EndedFunc] has until the
// deadline of ctx, and not longer; so it has if a shorter timeout is put on the call itself.
func WithEndCause(ctx context.Context, cause EndCause) context.Context {
	return withEnding(ctx, cause, 0)
}

func withEnding(ctx context.Context, cause EndCause, least time.Duration) context.Context {
	deadline, _ := ctx.Deadline()
	return context.WithValue(ctx, endingKey{}, ending{cause, deadline, least})
}

func endingOf(ctx context.Context) ending {
	if e, ok := ctx.Value(endingKey{}).(ending); ok {
		return e
	}
	deadline, _ := ctx.Deadline()
	return ending{cause: EndDeleted, deadline: deadline}
}

// limit returns the context of one EndedFunc, which is called now.
func (e ending) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if e.deadline.IsZero() {
		return ctx, func() {}
	}
	latest := e.deadline
	if least := time.Now().Add(e.least); e.least > 0 && latest.Before(least) {
		latest = least
	}
	return context.WithDeadline(ctx, latest)
}

// Call announces a record that has ended, with the cause that ctx says; a nil function does nothing. It is for those
// that write a [Store]: they call it after the removal, with no lock held.
func (f EndedFunc) Call(ctx context.Context, c Conn) {
	if f == nil {
		return
	}
	e := endingOf(ctx)
	c.Attributes, c.Groups = maps.Clone(c.Attributes), slices.Clone(c.Groups) // the caller of Delete has the same record
	item := endedItem{f, c, e.cause}
	if outer, ok := ctx.Value(endedQueue{}).(*endings); ok && outer.add(item) {
		return
	}
	q := &endings{list: []endedItem{item}}
	q.run(context.WithValue(context.WithoutCancel(ctx), endedQueue{}, q), e)
}

// endings are records to be announced one after the other.
type endings struct {
	mu   sync.Mutex
	list []endedItem
	done bool
}

type endedItem struct {
	tell  EndedFunc
	conn  Conn
	cause EndCause
}

// add reports whether the goroutine that runs the queue will come to the record.
func (q *endings) add(item endedItem) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.done {
		q.list = append(q.list, item)
	}
	return !q.done
}

func (q *endings) next() (endedItem, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		q.done = true
		return endedItem{}, false
	}
	item := q.list[0]
	q.list = q.list[1:]
	return item, true
}

func (q *endings) run(ctx context.Context, e ending) {
	for {
		item, ok := q.next()
		if !ok {
			return
		}
		item.announce(ctx, e)
	}
}

// maxPanic is how many bytes of what the function panics with are logged.
const maxPanic = 2000

func (i endedItem) announce(ctx context.Context, e ending) {
	ctx, cancel := e.limit(ctx)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			slog.ErrorContext(ctx, "conn: panic of the function for records that have ended",
				"connectionId", i.conn.ID, "cause", string(i.cause), "panic", oneline.Of(fmt.Sprint(v), maxPanic), "stack", string(debug.Stack()))
		}
	}()
	i.tell(WithEndCause(ctx, EndDeleted), i.conn, i.cause)
}
