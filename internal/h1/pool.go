package h1

import (
	"context"
	"slices"
	"sync"
	"time"
)

// pool keeps the idle connections, and counts all. Each connection has a place; a place is free, or someone who dials
// or calls has it, or it is that of an idle connection. Where there is no place callers wait in a line.
type pool struct {
	max         int
	idleTimeout time.Duration

	mu      sync.Mutex
	open    int
	idle    []*conn   // The one that was used last is the last one, and the first to be used again.
	waiting []*waiter // The first to come is the first one.
}

// waiter is a caller in the line.
type waiter struct {
	ready chan *conn // nil: there is a place for a connection
	fresh bool       // it has no use for one that was used before
}

// get gives an idle connection, or nil for a place to open one in. It has to be given back by put or free.
func (p *pool) get(ctx context.Context, deadline time.Time, fresh bool) (*conn, error) {
	p.mu.Lock()
	expired := p.expire()
	c, ok := p.take(fresh)
	var w *waiter
	if !ok {
		w = &waiter{ready: make(chan *conn, 1), fresh: fresh}
		p.waiting = append(p.waiting, w)
	}
	p.mu.Unlock()
	for _, old := range expired {
		old.close()
	}
	switch {
	case !ok:
		return p.wait(ctx, deadline, w)
	case fresh && c != nil: // given up for its place
		c.close()
		return nil, nil
	default:
		return c, nil
	}
}

// take gives a connection or a place, if there is one. For a fresh one it gives an idle connection up.
func (p *pool) take(fresh bool) (*conn, bool) {
	n := len(p.idle)
	if n > 0 && (!fresh || p.open >= p.max) {
		c := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		return c, true
	}
	if p.open < p.max {
		p.open++
		return nil, true
	}
	return nil, false
}

// expire takes the connections that were idle for too long.
func (p *pool) expire() []*conn {
	n := 0
	for n < len(p.idle) && p.idle[n].idleFor() > p.idleTimeout {
		n++
	}
	if n == 0 {
		return nil
	}
	expired := slices.Clone(p.idle[:n])
	p.idle = slices.Delete(p.idle, 0, n)
	p.open -= n
	return expired
}

func (p *pool) wait(ctx context.Context, deadline time.Time, w *waiter) (*conn, error) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	var err error
	select {
	case c := <-w.ready:
		return c, nil
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-timer.C:
		err = context.DeadlineExceeded
	}
	p.leave(w)
	return nil, err
}

// leave goes out of the line. What came meanwhile goes to the next one.
func (p *pool) leave(w *waiter) {
	p.mu.Lock()
	i := slices.Index(p.waiting, w)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		return
	}
	if c := <-w.ready; c != nil {
		p.put(c)
	} else {
		p.free()
	}
}

// put takes a connection back that can be used again.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	w := p.next()
	if w == nil {
		c.idleSince = now()
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	switch {
	case w == nil:
	case w.fresh:
		c.close()
		w.ready <- nil
	default:
		w.ready <- c
	}
}

// free takes back a place whose connection is closed.
func (p *pool) free() {
	p.mu.Lock()
	w := p.next()
	if w == nil {
		p.open--
	}
	p.mu.Unlock()
	if w != nil {
		w.ready <- nil
	}
}

// next calls the first in the line, nil if nobody waits.
func (p *pool) next() *waiter {
	if len(p.waiting) == 0 {
		return nil
	}
	w := p.waiting[0]
	p.waiting[0] = nil
	p.waiting = p.waiting[1:]
	return w
}

// takeIdle takes all idle connections.
func (p *pool) takeIdle() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.idle
	p.idle = nil
	p.open -= len(idle)
	return idle
}

// now is the time of the wall clock alone.
func now() time.Time { return time.Now().Round(0) }
