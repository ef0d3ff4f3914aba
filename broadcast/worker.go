package broadcast

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// member is a connection to post to. The group is the one that it was first read from, empty if it was named.
type member struct {
	conn.Member
	group string
}

func (m member) rest() restMember { return restMember{ID: m.ID, Endpoint: m.Endpoint, Group: m.group} }

// task is one member on its way through a send.
type task struct {
	member   member
	attempts int       // posts that were started
	refused  int       // of those, how many were throttled
	slow     bool      // it is refused while others are taken
	failed   time.Time // when the first of them failed
	due      time.Time // when the next is to start
}

// rest is the member in a cursor, with the time for which it has been tried again.
func (t task) rest(now time.Time) restMember {
	m := t.member.rest()
	if !t.failed.IsZero() {
		m.Waited = now.Sub(t.failed).Milliseconds()
	}
	return m
}

// kind is what a worker does for a member.
type kind int

const (
	posts       kind = iota
	removes          // closes it and removes it from the store, since it is gone
	disconnects      // closes it, since it is too slow
)

// errand is what a worker does.
type errand struct {
	task
	kind kind
}

// result is how an errand went.
type result struct {
	errand
	err      error
	cut      bool // err is that the time was up, not an answer
	pruned   bool
	exited   bool // the worker has ended in the middle of the errand
	panicked *panicError
}

var errExited = errors.New("broadcast: the call ended its goroutine")

// panicError carries a panic from a worker to the goroutine that called Send.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string {
	return fmt.Sprintf("broadcast: panic while sending: %v\n\n%s", p.value, p.stack)
}

func (p *panicError) Unwrap() error {
	err, _ := p.value.(error)
	return err
}

// caught gives the panic that a deferred function recovered, nil if there was none.
func caught(value any) *panicError {
	if value == nil {
		return nil
	}
	return &panicError{value, debug.Stack()}
}

func target(m conn.Member) gatesock.Target {
	return gatesock.Target{ConnectionID: m.ID, Endpoint: m.Endpoint}
}

// work does errands until there are none. There is a result for each, whatever becomes of it.
func (s *send) work(ctx context.Context) {
	var left allowance
	defer left.end()
	for e := range s.jobs {
		s.do(ctx, &left, e)
	}
}

func (s *send) do(ctx context.Context, left *allowance, e errand) {
	r := result{errand: e, err: errExited, exited: true}
	defer func() {
		if r.panicked = caught(recover()); r.panicked != nil {
			r.exited = false
		}
		s.results <- r
	}()
	bounded := ctx
	if e.kind != posts || !s.deliver.bounded {
		bounded = left.renew(ctx, s.timeout)
	}
	switch e.kind {
	case posts:
		r.err = s.deliver.call(bounded, target(e.member.Member))
	case removes:
		r.pruned, r.err = s.prune(bounded, e.member)
	case disconnects:
		r.err = s.disconnector.Disconnect(bounded, target(e.member.Member))
	}
	r.cut = r.err != nil && bounded.Err() != nil && !answered(r.err)
	if r.cut && ctx.Err() == nil {
		r.err = fmt.Errorf("no answer within %s: %w", s.timeout, r.err)
	}
	r.exited = false
}

// delivery is how a send's message, if it has one, reaches a connection.
type delivery struct {
	call    func(ctx context.Context, to gatesock.Target) error
	bounded bool // each call bounds its own time
}

// posting is the delivery of a frame. A Preparer bounds each post from the moment that it has what it needs to go
// out, so that waiting for that is no part of the post's time.
func (b *Broadcaster) posting(frame []byte, timeout time.Duration) delivery {
	if p, ok := b.poster.(gatesock.Preparer); ok {
		return delivery{p.Prepare(frame, timeout), true}
	}
	return delivery{func(ctx context.Context, to gatesock.Target) error { return b.poster.Post(ctx, to, frame) }, false}
}
