// Package coalesce combines several messages to one connection into one frame.
package coalesce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/panics"
)

// Poster holds each message back for a short time, and posts all messages to the same connection
// that arrive meanwhile as one JSON array, in the order of their arrival. A single message is
// posted unchanged. Make it with [New]. It is safe for concurrent use.
type Poster struct {
	inner  gatesock.Poster
	window time.Duration

	mu   sync.Mutex
	open map[gatesock.Target]*batch
}

var _ gatesock.Preparer = (*Poster)(nil)

// batch is the messages of one frame. Its goroutine ends before the last Post that waits for it
// returns.
type batch struct {
	messages []*[]byte     // one for each caller; nil if the caller has left
	size     int           // bytes of the array
	sealed   bool          // no message joins any more
	posting  bool          // the frame is made, and being posted
	full     chan struct{} // closed when the batch is sealed
	callers  int
	timeout  time.Duration // of the post; 0: until all callers have left
	cancel   context.CancelFunc
	done     chan struct{} // closed when err is set
	err      error
}

var errNoCallers = errors.New("coalesce: all callers have left")

// New returns a Poster that holds messages back for up to the window.
func New(inner gatesock.Poster, window time.Duration) *Poster {
	return &Poster{inner: inner, window: window, open: make(map[gatesock.Target]*batch)}
}

// Post posts data, alone or in a frame with other messages to the same connection, and returns the
// result of that frame. Data other than a JSON object is posted alone and at once. If ctx ends
// before the frame is posted, the message is taken out of it, and Post fails with
// [gatesock.ErrNotSent].
//
// If the inner Poster panics, all callers with a message in the frame get the panic as an error.
func (p *Poster) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	return p.post(ctx, to, data, 0)
}

// Prepare returns a function that posts data like Post. The timeout limits the post of the frame,
// without the time for which messages are held back. The shortest timeout of the messages in a
// frame applies.
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
	b, index := p.join(ctx, to, data, timeout)
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return p.leave(ctx, b, to, index)
	}
}

// send posts a frame with the inner Poster.
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

// join adds a message to the open batch of its connection, or to a new one, and returns its index
// there.
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

// begin opens a batch. Its post has the values of the first caller's context, and is cut off when
// all callers have left.
func (p *Poster) begin(ctx context.Context, to gatesock.Target) *batch {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	b := &batch{size: 1, full: make(chan struct{}), done: make(chan struct{}), cancel: cancel}
	p.open[to] = b
	go p.run(ctx, b, to)
	return b
}

// seal closes the batch to further messages.
func (p *Poster) seal(b *batch, to gatesock.Target) {
	if b.sealed {
		return
	}
	b.sealed = true
	close(b.full)
	delete(p.open, to)
}

// leave takes a caller out of the batch, and its message too if the frame is not being posted yet.
// The last caller waits for the batch to end. If an answer has arrived by then, it counts.
func (p *Poster) leave(ctx context.Context, b *batch, to gatesock.Target, index int) error {
	p.mu.Lock()
	sent := b.posting
	b.messages[index] = nil
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

// result returns the result of a batch for a caller whose context has ended. If the post was cut
// off, that is the cause of the caller's own context.
func (b *batch) result(ctx context.Context) error {
	cut := errors.Is(b.err, context.Canceled) || errors.Is(b.err, context.DeadlineExceeded)
	if cut && !errors.Is(b.err, gatesock.ErrNotSent) {
		return context.Cause(ctx)
	}
	return b.err
}

// run gathers messages, and posts their frame.
func (p *Poster) run(ctx context.Context, b *batch, to gatesock.Target) {
	defer close(b.done)
	defer b.cancel()
	b.err = errors.New("coalesce: the poster ended its goroutine")
	defer func() {
		if p := panics.New("coalesce: panic while posting", recover()); p != nil {
			b.err = p
		}
	}()
	timer := time.NewTimer(p.window)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.full:
	case <-ctx.Done():
	}
	frame := p.frame(b, to)
	if frame == nil {
		b.err = errNoCallers
		return
	}
	b.err = p.send(ctx, to, frame, b.timeout)
}

// frame seals the batch and returns its messages as one frame, nil if all callers have left.
func (p *Poster) frame(b *batch, to gatesock.Target) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seal(b, to)
	b.posting = true
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
