package broadcast

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/panics"
)

// calls are what workers do, by the kind of the task.
type calls struct {
	post func(ctx context.Context, to gatesock.Target) error
	// boundsItself is set if post limits its own time.
	boundsItself bool
	remove       func(ctx context.Context, m member) (removed bool, err error)
	disconnect   func(ctx context.Context, from gatesock.Target) error
}

// result is how a task went.
type result struct {
	task
	err      error
	cut      bool          // err is that the time was over, not an answer
	removed  bool          // of a removal
	exited   bool          // the call ended the goroutine of its worker
	panicked *panics.Error // the call panicked
}

// pool runs tasks on at most size workers, which it starts when they are needed. Its methods belong
// to one goroutine, which must receive every result and pass it to done.
type pool struct {
	size    int
	timeout time.Duration // of one call
	calls   calls

	// tasks and results are made for the first task: most of what a send to nobody would allocate.
	tasks   chan task
	results chan result // has room for all workers, so that none waits
	joined  sync.WaitGroup

	workers int
	busy    int
	posting int // of the busy ones
}

func newPool(size int, timeout time.Duration, c calls) *pool {
	return &pool{size: size, timeout: timeout, calls: c}
}

func (p *pool) hasRoom() bool { return p.busy < p.size }

// cleaning returns how many tasks run that are not posts.
func (p *pool) cleaning() int { return p.busy - p.posting }

// start runs a task. There must be room.
func (p *pool) start(ctx context.Context, t task) {
	if p.tasks == nil {
		p.tasks, p.results = make(chan task, p.size), make(chan result, p.size)
	}
	if p.busy == p.workers {
		p.workers++
		p.joined.Go(func() { p.work(ctx) })
	}
	p.busy++
	if t.kind == post {
		p.posting++
	}
	p.tasks <- t
}

// done frees the worker of a result.
func (p *pool) done(r result) {
	p.busy--
	if r.exited {
		p.workers--
	}
	if r.kind == post {
		p.posting--
	}
}

// wait ends the pool when the tasks that run are done.
func (p *pool) wait() {
	if p.tasks != nil {
		close(p.tasks)
	}
	p.joined.Wait()
}

// work runs tasks until there are none. There is a result for each, however its call ends.
func (p *pool) work(ctx context.Context) {
	var limit timeLimit
	defer limit.end()
	for t := range p.tasks {
		p.run(ctx, &limit, t)
	}
}

func (p *pool) run(ctx context.Context, limit *timeLimit, t task) {
	r := result{task: t, err: errGoexit, exited: true}
	defer func() {
		if r.panicked = panics.New(panicText, recover()); r.panicked != nil {
			r.exited = false
		}
		p.results <- r
	}()
	bounded := ctx
	if t.kind != post || !p.calls.boundsItself {
		bounded = limit.renew(ctx, p.timeout)
	}
	switch t.kind {
	case post:
		r.err = p.calls.post(bounded, t.member.target())
	case remove:
		r.removed, r.err = p.calls.remove(bounded, t.member)
	case disconnect:
		r.err = p.calls.disconnect(bounded, t.member.target())
	}
	r.cut = r.err != nil && bounded.Err() != nil && !isAnswer(r.err)
	if r.cut && ctx.Err() == nil {
		r.err = fmt.Errorf("no answer within %s: %w", p.timeout, r.err)
	}
	r.exited = false
}

// isAnswer reports whether err is an answer of the gateway, or of the Poster for it.
func isAnswer(err error) bool { return errors.Is(err, gatesock.ErrThrottled) || isFinal(err) }

// isFinal reports whether err is an answer that would come again.
func isFinal(err error) bool {
	for _, final := range []error{
		gatesock.ErrGone, gatesock.ErrTooLarge, gatesock.ErrForbidden, gatesock.ErrBadConnectionID,
	} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

// isUndelivered reports whether a post that failed with err certainly did not arrive, and may be
// delivered later.
func isUndelivered(err error) bool {
	return errors.Is(err, gatesock.ErrThrottled) || errors.Is(err, gatesock.ErrNotSent)
}

// isRetryable reports whether a post that failed with err may be repeated: nothing was sent, it was
// throttled, or something failed on the way. A post that used up its time is not repeated, since it
// may have arrived, unless dialing used it up: that error is a [context.DeadlineExceeded] too.
func isRetryable(err error) bool {
	var op *net.OpError
	switch {
	case isFinal(err):
		return false
	case isUndelivered(err), errors.As(err, &op) && op.Op == "dial":
		return true
	default:
		return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
}

// timeLimit is the time limit of a call, as a context. The calls of a worker share one while nine
// tenths of the time are left: a context for each would be a tenth of what a post costs.
type timeLimit struct {
	ctx    context.Context //nolint:containedctx // It is lent to the calls of one worker.
	cancel context.CancelFunc
	until  time.Time // if the parent does not end earlier
}

// renew returns a context with enough of the timeout left.
func (l *timeLimit) renew(parent context.Context, timeout time.Duration) context.Context {
	now := time.Now()
	if l.ctx != nil && l.ctx.Err() == nil && l.until.Sub(now) >= timeout-timeout/10 {
		return l.ctx
	}
	l.end()
	l.until = now.Add(timeout)
	l.ctx, l.cancel = context.WithDeadline(parent, l.until)
	return l.ctx
}

func (l *timeLimit) end() {
	if l.cancel != nil {
		l.cancel()
	}
}
