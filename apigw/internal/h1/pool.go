package h1

import (
	"context"
	"slices"
	"sync"
	"time"
)

// pool keeps the idle connections, and counts all. Each connection has a place; a place is free, or a call that dials or
// sends has it, or it is that of an idle connection. Where there is no place callers wait in a line.
type pool struct {
	max         int
	idleTimeout time.Duration

	mu      sync.Mutex
	open    int
	idle    []*conn  // The one that was used last is the last one, and the first to be used again.
	retired bool     // Nothing is kept any more.
	waiting []waiter // The first to come is the first one.
}

// waiter is a caller in the line. What it receives is a connection, or nil for a place for one.
type waiter chan *conn

// get returns an idle connection, or nil for a place to open one in. put or free takes it back.
func (p *pool) get(ctx context.Context) (*conn, error) {
	p.mu.Lock()
	expired := p.expire()
	c, ok := p.take()
	var w waiter
	if !ok {
		w = make(waiter, 1)
		p.waiting = append(p.waiting, w)
	}
	p.mu.Unlock()
	closeAll(expired)
	if ok {
		return c, nil
	}
	return p.wait(ctx, w)
}

// take returns a connection or a place, if there is one.
func (p *pool) take() (*conn, bool) {
	if c := p.last(); c != nil {
		return c, true
	}
	if p.open < p.max {
		p.open++
		return nil, true
	}
	return nil, false
}

// last takes the idle connection that was used last, nil if there is none.
func (p *pool) last() *conn {
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return c
}

// swap returns an idle connection for the place of one that was closed, or nil, and the place stays the caller's.
func (p *pool) swap() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.last()
	if c != nil {
		p.open-- // Nobody waits for it: there was an idle connection.
	}
	return c
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

func (p *pool) wait(ctx context.Context, w waiter) (*conn, error) {
	select {
	case c := <-w:
		return c, nil
	case <-ctx.Done():
		p.leave(w)
		return nil, context.Cause(ctx)
	}
}

// leave goes out of the line. What came meanwhile goes to the next one.
func (p *pool) leave(w waiter) {
	p.mu.Lock()
	i := slices.Index(p.waiting, w)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		return
	}
	if c := <-w; c != nil {
		p.put(c)
	} else {
		p.free()
	}
}

// put takes a connection back that can be used again. Whoever waits gets it at once; it is idle only if nobody does.
func (p *pool) put(c *conn) {
	if c.idle && c.idleFor() > p.idleTimeout { // It was not used, and has become too old meanwhile.
		c.close()
		p.free()
		return
	}
	p.mu.Lock()
	w := p.next()
	kept := w != nil || p.keep(c)
	p.mu.Unlock()
	if w != nil {
		w <- c
	}
	if !kept {
		c.close()
	}
}

// keep puts a connection among the idle ones, by when it was used last, and reports whether it did. If it
// did not, the connection's place is free.
func (p *pool) keep(c *conn) bool {
	if p.retired {
		p.open--
		return false
	}
	i := len(p.idle)
	for i > 0 && p.idle[i-1].idleSince.After(c.idleSince) {
		i--
	}
	p.idle = slices.Insert(p.idle, i, c)
	c.idle = true
	return true
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
		w <- nil
	}
}

// next calls the first in the line, nil if nobody waits.
func (p *pool) next() waiter {
	if len(p.waiting) == 0 {
		return nil
	}
	w := p.waiting[0]
	p.waiting[0] = nil
	p.waiting = p.waiting[1:]
	return w
}

// retire takes all idle connections, and keeps none from then on. Whoever waits still gets what others put back.
func (p *pool) retire() []*conn {
	p.mu.Lock()
	p.retired = true
	p.mu.Unlock()
	return p.takeIdle()
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
