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

// task is one member on its way through a send.
type task struct {
	member   member
	attempts int       // posts that were started
	failed   time.Time // when the first of them failed
	due      time.Time // when the next is to start
}

// job is what a worker does: a post, or the removal of a connection that is gone.
type job struct {
	task
	prune bool
}

// result is how a job went.
type result struct {
	job
	err      error
	cut      bool // err is that the time was up, not an answer
	pruned   bool
	exited   bool // the worker has ended in the middle of the job
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

// work does jobs until there are none. There is a result for each, whatever becomes of it.
func (b *Broadcaster) work(ctx context.Context, frame []byte, jobs <-chan job, results chan<- result) {
	for j := range jobs {
		b.do(ctx, frame, j, results)
	}
}

func (b *Broadcaster) do(ctx context.Context, frame []byte, j job, results chan<- result) {
	r := result{job: j, err: errExited, exited: true}
	defer func() {
		if r.panicked = caught(recover()); r.panicked != nil {
			r.exited = false
		}
		results <- r
	}()
	bounded, cancel := context.WithTimeout(ctx, b.postTimeout)
	defer cancel()
	if j.prune {
		r.pruned, r.err = b.prune(bounded, j.member)
	} else {
		to := gatesock.Target{ConnectionID: j.member.ID, Endpoint: j.member.Endpoint}
		r.err = b.poster.Post(bounded, to, frame)
	}
	r.cut = r.err != nil && bounded.Err() != nil && !answered(r.err)
	if r.cut && ctx.Err() == nil {
		r.err = fmt.Errorf("no answer within %s: %w", b.postTimeout, r.err)
	}
	r.exited = false
}
