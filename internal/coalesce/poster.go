// Package coalesce puts several messages to one connection into one frame.
package coalesce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
)

// Poster lets a message wait for others to the same connection and posts those that have come together as one JSON array,
// in the order in which they came; one that is alone goes as it is. It is safe for concurrent use.
type Poster struct {
	inner  gatesock.Poster
	window time.Duration

	mu   sync.Mutex
	open map[gatesock.Target]*batch
}

var _ gatesock.Preparer = (*Poster)(nil)

// batch is what goes out in one frame. Its goroutine lives no longer than the last Post that waits for it.
type batch struct {
	messages []*[]byte // one for each caller; nil if it has gone
	size     int       // of the array
	sealed   bool
	gathered bool          // the frame is made, and on its way
	full     chan struct{} // closed when it need not wait for more
	callers  int
	timeout  time.Duration // of the post, 0: as long as its callers wait
	cancel   context.CancelFunc
	done     chan struct{}
	err      error
}

// errAlone says that all callers have gone.
var errAlone = errors.New("coalesce: nobody waits for the post any more")

// New gives a Poster that waits for up to the window.
func New(inner gatesock.Poster, window time.Duration) *Poster {
	return &Poster{inner: inner, window: window, open: make(map[gatesock.Target]*batch)}
}

// Post sends data, alone or with others to the same connection, whose result it shares. What is not a JSON object goes
// alone and at once. If ctx ends before the frame is on its way, the message is taken out of it, and Post fails with
// [gatesock.ErrNotSent].
//
// A panic of the inner Poster is an error of all whose message was in the frame.
func (p *Poster) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	return p.post(ctx, to, data, 0)
}

// Prepare returns a function that posts data as Post does. The timeout is that of the frame from the moment that it goes
// out; where messages with several timeouts are in it, the shortest.
func (p *Poster) Prepare(data []byte, timeout time.Duration) func(ctx context.Context, to gatesock.Target) error {
	return func(ctx context.Context, to gatesock.Target) error { return p.post(ctx, to, data, timeout) }
}

func (p *Poster) post(ctx context.Context, to gatesock.Target, data []byte, timeout time.Duration) error {
	if !isObject(data) || len(data)+2 > gatesock.MaxMessageSize {
		return p.send(ctx, to, data, timeout)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", gatesock.ErrNotSent, context.Cause(ctx))
	}
	b, place := p.join(ctx, to, data, timeout)
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return p.leave(ctx, b, to, place)
	}
}

// send posts a frame through the inner Poster.
func (p *Poster) send(ctx context.Context, to gatesock.Target, frame []byte, timeout time.Duration) error {
	if inner, ok := p.inner.(gatesock.Preparer); ok {
		return inner.Prepare(frame, timeout)(ctx, to)
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	return p.inner.Post(ctx, to, frame)
}

func isObject(data []byte) bool {
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed)
}

// join adds a message to the open batch of its connection, or to a new one.
func (p *Poster) join(ctx context.Context, to gatesock.Target, data []byte, timeout time.Duration) (*batch, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.open[to]
	if b != nil && b.size+1+len(data) > gatesock.MaxMessageSize {
		p.seal(b, to)
		b = nil
	}
	if b == nil {
		b = p.begin(ctx, to)
	}
	if b.timeout == 0 || timeout > 0 && timeout < b.timeout {
		b.timeout = timeout
	}
	b.messages = append(b.messages, &data)
	b.size += len(data) + 1
	b.callers++
	return b, len(b.messages) - 1
}

// begin opens a batch. The post has the values of the first caller's context, and ends when all callers have gone.
func (p *Poster) begin(ctx context.Context, to gatesock.Target) *batch {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	b := &batch{size: 1, full: make(chan struct{}), done: make(chan struct{}), cancel: cancel}
	p.open[to] = b
	go p.carryOut(ctx, b, to)
	return b
}

// seal keeps further messages out.
func (p *Poster) seal(b *batch, to gatesock.Target) {
	if b.sealed {
		return
	}
	b.sealed = true
	close(b.full)
	delete(p.open, to)
}

// leave takes a caller out of the batch, and its message if it is not on its way. The last one waits for the end. An answer
// that has come by then is the caller's all the same.
func (p *Poster) leave(ctx context.Context, b *batch, to gatesock.Target, place int) error {
	p.mu.Lock()
	sent := b.gathered
	b.messages[place] = nil
	b.callers--
	last := b.callers == 0
	if last {
		p.seal(b, to)
	}
	p.mu.Unlock()
	if last {
		b.cancel()
		<-b.done
	}
	if !sent {
		return fmt.Errorf("%w: %w", gatesock.ErrNotSent, context.Cause(ctx))
	}
	select {
	case <-b.done:
		return b.result(ctx)
	default:
		return context.Cause(ctx)
	}
}

// result is the end of a batch for a caller whose context has ended. That the post was cut off is told with the caller's
// own cause.
func (b *batch) result(ctx context.Context) error {
	cut := errors.Is(b.err, context.Canceled) || errors.Is(b.err, context.DeadlineExceeded)
	if cut && !errors.Is(b.err, gatesock.ErrNotSent) {
		return context.Cause(ctx)
	}
	return b.err
}

func (p *Poster) carryOut(ctx context.Context, b *batch, to gatesock.Target) {
	defer close(b.done)
	defer b.cancel()
	b.err = errors.New("coalesce: the poster ended its goroutine")
	defer func() {
		if v := recover(); v != nil {
			b.err = fmt.Errorf("coalesce: panic while posting: %v\n\n%s", v, debug.Stack())
		}
	}()
	timer := time.NewTimer(p.window)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.full:
	case <-ctx.Done():
	}
	frame := p.close(b, to)
	if frame == nil {
		b.err = errAlone
		return
	}
	b.err = p.send(ctx, to, frame, b.timeout)
}

// close ends the gathering and returns what has gathered, nil if nobody is left.
func (p *Poster) close(b *batch, to gatesock.Target) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seal(b, to)
	b.gathered = true
	var all [][]byte
	for _, m := range b.messages {
		if m != nil {
			all = append(all, *m)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	default:
		return fmt.Appendf(nil, "[%s]", bytes.Join(all, []byte(",")))
	}
}
