package h1

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Place is the right to use one of a client's connections. Pass it once, to [Client.Do] or to
// [Client.Leave].
type Place struct {
	kind placeKind
	conn *conn
}

// placeKind is what a place has. The zero placeKind is not valid.
type placeKind int

const (
	connected placeKind = iota + 1 // a connection that was used before
	vacant                         // the right to open a connection
)

func placeOf(c *conn) Place { return Place{connected, c} }

func vacancy() Place { return Place{kind: vacant} }

// pool keeps the idle connections and counts places. A place is with a call, or it is that of an
// idle connection, or it is free: max minus open are free. Callers wait while no place is free and
// no connection is idle.
type pool struct {
	max         int
	idleTimeout time.Duration

	mu      sync.Mutex
	open    int      // places that are not free
	idle    []*conn  // The one used last comes last, and is the first to be used again.
	retired bool     // No connection is kept any more.
	waiting []waiter // The first to come is the first.
}

// waiter is a waiting caller. It receives one place.
type waiter chan Place

// get waits for a place. The caller has to return it by giveBack, put or free.
func (p *pool) get(ctx context.Context) (Place, error) {
	p.mu.Lock()
	expired := p.expire()
	place, ok := p.take()
	var w waiter
	if !ok {
		w = make(waiter, 1)
		p.waiting = append(p.waiting, w)
	}
	p.mu.Unlock()
	closeAll(expired)
	if ok {
		return place, nil
	}
	select {
	case place := <-w:
		return place, nil
	case <-ctx.Done():
		p.giveUp(w)
		return Place{}, context.Cause(ctx)
	}
}

// take returns a place if there is one: that of an idle connection, or else a free one.
func (p *pool) take() (Place, bool) {
	if c := p.last(); c != nil {
		return placeOf(c), true
	}
	if p.open < p.max {
		p.open++
		return vacancy(), true
	}
	return Place{}, false
}

// last removes and returns the idle connection that was used last, or nil.
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

// swap returns an idle connection for a place whose connection was closed, or nil. The place
// remains the caller's.
func (p *pool) swap() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.last()
	if c != nil {
		p.open-- // Nobody waits for the place of c: there was an idle connection.
	}
	return c
}

// expire removes the connections that were idle for too long.
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

// giveUp ends the wait of a caller. A place that the caller was given meanwhile goes to the next
// one.
func (p *pool) giveUp(w waiter) {
	p.mu.Lock()
	i := slices.Index(p.waiting, w)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 {
		p.giveBack(<-w)
	}
}

// giveBack takes back a place that was not used.
func (p *pool) giveBack(place Place) {
	switch place.kind {
	case connected:
		p.put(place.conn)
	case vacant:
		p.free()
	default:
		panic("h1: a place that is not from Wait")
	}
}

// put takes back a place with a connection that can be used again. The first caller that waits gets
// it. If nobody waits, the connection is idle.
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
		w <- placeOf(c)
	}
	if !kept {
		c.close()
	}
}

// keep adds a connection to the idle ones, ordered by their last use, and reports whether it did.
// If not, the place is free.
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

// free takes back a place whose connection is closed, or was never opened.
func (p *pool) free() {
	p.mu.Lock()
	w := p.next()
	if w == nil {
		p.open--
	}
	p.mu.Unlock()
	if w != nil {
		w <- vacancy()
	}
}

// next removes and returns the caller that has waited longest, or nil.
func (p *pool) next() waiter {
	if len(p.waiting) == 0 {
		return nil
	}
	w := p.waiting[0]
	p.waiting[0] = nil
	p.waiting = p.waiting[1:]
	return w
}

// retire removes all idle connections, and keeps none from then on. Callers that wait still get
// places.
func (p *pool) retire() []*conn {
	p.mu.Lock()
	p.retired = true
	p.mu.Unlock()
	return p.takeIdle()
}

// takeIdle removes all idle connections.
func (p *pool) takeIdle() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.idle
	p.idle = nil
	p.open -= len(idle)
	return idle
}

// now returns the time without its monotonic part, which stands still while a process is frozen.
func now() time.Time { return time.Now().Round(0) }
