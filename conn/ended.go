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

// EndCause is why a record has ended.
type EndCause string

// The causes. Callers of [Store.Delete] pass theirs with [WithEndCause].
const (
	EndDisconnected EndCause = "disconnected" // its $disconnect came; see Track
	EndRefused      EndCause = "refused"      // its handshake was refused or failed after Put; see Track
	EndReplaced     EndCause = "replaced"     // it was left over from another connection with the id; see Track
	EndPruned       EndCause = "pruned"       // a post found the connection gone
	EndSwept        EndCause = "swept"        // a sweeper found the connection gone
	EndExpired      EndCause = "expired"      // it expired, and the store came across it
	EndDeleted      EndCause = "deleted"      // Delete was called without a cause
)

// EndedFunc is called with each record that has ended, so that an application can announce to its
// groups that a user has left. Pass one to [WithEnded] or to the DynamoDB store.
//
// A store calls it once for each record that it removes, for whatever reason: $disconnect, a
// broadcast that found the connection gone, a sweeper, or the application itself. The cause
// [EndRefused] is a handshake that was refused after its record was put; ignore it unless you
// have announced an arrival. The function must be safe for concurrent use.
//
// It runs in the goroutine that removed the record, after the record and its memberships are gone
// and before the call returns. It may call the store and broadcast. If it ends other records
// itself, it is called for these after it has returned, not from within: calls are not nested.
//
// # Records that are not announced
//
// Some records end without a call: those that the backend's own expiry deletes, and those whose
// removal was carried out although its answer was lost.
//
// # Failures and deadlines
//
// The removal stands whatever the function does. A panic is logged to [slog.Default] and goes no
// further.
//
// The function's context is not canceled with that of the call that removed the record, but has the
// same deadline, which may have passed already: a caller with a deadline needs the time after it
// for something else. In a removal by [Track], whose event may have no time left, each call of the
// function has at least 2 seconds. [WithEndCause] can set a later deadline.
type EndedFunc func(ctx context.Context, c Conn, cause EndCause)

// endedGrace is how long an EndedFunc has at least in a removal by Track.
const endedGrace = 2 * time.Second

type (
	endingKey  struct{}
	endedQueue struct{}
)

// ending is what the context of a removal carries.
type ending struct {
	cause    EndCause
	deadline time.Time     // of the context when the cause was set; zero if it has none
	least    time.Duration // what each EndedFunc has even if the deadline is nearer
}

// WithEndCause returns a context for a call of [Store.Delete] that carries why the record ends.
//
// The context also carries the deadline of ctx for the [EndedFunc]. If you derive a context with a
// shorter timeout for the call, the function still has until the deadline of ctx.
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

// limit returns the context of an EndedFunc that is called now.
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

// Call announces a record that has ended, with the cause that ctx carries. Stores call it after
// the removal, without holding a lock. A nil function does nothing.
func (f EndedFunc) Call(ctx context.Context, c Conn) {
	if f == nil {
		return
	}
	e := endingOf(ctx)
	// The caller of Delete has the same record.
	c.Attributes, c.Groups = maps.Clone(c.Attributes), slices.Clone(c.Groups)
	item := endedItem{f, c, e.cause}
	if outer, ok := ctx.Value(endedQueue{}).(*endings); ok && outer.add(item) {
		return
	}
	q := &endings{list: []endedItem{item}}
	q.run(context.WithValue(context.WithoutCancel(ctx), endedQueue{}, q), e)
}

// endings are records to announce, one after another.
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

// add queues a record, and reports whether the goroutine that runs the queue will announce it.
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

// maxPanic is how many bytes of a panic's value are logged.
const maxPanic = 2000

func (i endedItem) announce(ctx context.Context, e ending) {
	ctx, cancel := e.limit(ctx)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			slog.ErrorContext(ctx, "conn: panic in the function for ended records",
				"connectionId", i.conn.ID, "cause", string(i.cause),
				"panic", oneline.Of(fmt.Sprint(v), maxPanic), "stack", string(debug.Stack()))
		}
	}()
	i.tell(WithEndCause(ctx, EndDeleted), i.conn, i.cause)
}
