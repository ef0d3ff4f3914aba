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

// batch is what goes out in one frame. Its goroutine lives no longer than the last Post that waits for it.
type batch struct {
	messages []*[]byte // one for each caller; nil if it has gone
	size     int       // of the array
	sealed   bool
	full     chan struct{} // closed when it need not wait for more
	callers  int
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
// alone and at once. If ctx ends before the frame is on its way, the message is taken out of it.
//
// A panic of the inner Poster is an error of all whose message was in the frame.
func (p *Poster) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	if !isObject(data) || len(data)+2 > gatesock.MaxMessageSize {
		return p.inner.Post(ctx, to, data)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	b, place := p.join(ctx, to, data)
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		if p.leave(b, to, place) && b.err == nil {
			return nil
		}
		return context.Cause(ctx)
	}
}

func isObject(data []byte) bool {
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed)
}

// join adds a message to the open batch of its connection, or to a new one.
func (p *Poster) join(ctx context.Context, to gatesock.Target, data []byte) (*batch, int) {
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

// leave takes a caller out of the batch, and its message if it is not on its way. The last one waits for the end, and
// is told so.
func (p *Poster) leave(b *batch, to gatesock.Target, place int) (last bool) {
	p.mu.Lock()
	b.messages[place] = nil
	b.callers--
	last = b.callers == 0
	if last {
		p.seal(b, to)
	}
	p.mu.Unlock()
	if last {
		b.cancel()
		<-b.done
	}
	return last
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
	b.err = p.inner.Post(ctx, to, frame)
}

// close ends the gathering and gives what has gathered, nil if nobody is left.
func (p *Poster) close(b *batch, to gatesock.Target) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seal(b, to)
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
