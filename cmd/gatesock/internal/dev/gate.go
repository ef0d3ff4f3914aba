package dev

import (
	"context"
	"slices"
	"sync"
)

// gate lets invocations of a function wait while its new code is made. Invocations with the same
// key that have waited run one after the other, in the order in which they came, so that a client
// that sends on during a rebuild gets its answers in order. The zero gate is open. It is safe for
// concurrent use.
type gate struct {
	mu    sync.Mutex
	held  bool
	lines map[string][]*ticket // of those that wait or have waited and run, by key
	alone []*ticket            // those that wait without a key
}

// ticket is the place of an invocation in a line.
type ticket struct {
	id      string        // of the request; empty without a reservation
	claimed bool          // the invocation has come
	turn    chan struct{} // closed when it may run
	running bool
}

func (t *ticket) call() {
	if !t.running {
		t.running = true
		close(t.turn)
	}
}

// hold makes invocations wait that have not begun.
func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = true
}

// open lets them go on.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = false
	for _, line := range g.lines {
		line[0].call()
	}
	for _, t := range g.alone {
		t.call()
	}
	g.alone = nil
}

// idle reports whether nothing waits, and nothing that has waited runs.
func (g *gate) idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.held && len(g.lines) == 0
}

// reserve takes a place in the line of a key for an invocation that comes in a moment, if it would
// have to wait. The goroutine that reads a connection calls it, so that the order is that of the
// messages.
func (g *gate) reserve(key, id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held || len(g.lines[key]) > 0 {
		g.add(key, &ticket{id: id, turn: make(chan struct{})})
	}
}

// cancel drops a place that was reserved, if the invocation has not come. An empty id stands
// for all of the key.
func (g *gate) cancel(key, id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove(key, func(t *ticket) bool { return !t.claimed && (id == "" || t.id == id) })
}

func (g *gate) add(key string, t *ticket) {
	if g.lines == nil {
		g.lines = map[string][]*ticket{}
	}
	g.lines[key] = append(g.lines[key], t)
	if !g.held {
		g.lines[key][0].call()
	}
}

// ticketOf returns the place of an invocation in the line of a key: the one that was reserved for
// it, or the last.
func (g *gate) ticketOf(key, id string) *ticket {
	for _, t := range g.lines[key] {
		if t.id == id && !t.claimed {
			t.claimed = true
			return t
		}
	}
	t := &ticket{claimed: true, turn: make(chan struct{})}
	if key == "" {
		g.alone = append(g.alone, t)
	} else {
		g.add(key, t)
	}
	return t
}

// enter waits until an invocation may begin. Callers that were let in must call leave when the
// invocation has ended. Where ctx ends first, enter returns its error. An empty key is that of an
// invocation that waits for no other one; the id is that of a reservation.
func (g *gate) enter(ctx context.Context, key, id string) (leave func(), err error) {
	g.mu.Lock()
	if !g.held && len(g.lines[key]) == 0 {
		g.mu.Unlock()
		return func() {}, nil
	}
	t := g.ticketOf(key, id)
	g.mu.Unlock()
	select {
	case <-t.turn:
		return func() { g.leave(key, t) }, nil
	case <-ctx.Done():
		g.leave(key, t)
		return nil, context.Cause(ctx)
	}
}

// leave takes a ticket out of its line, and calls the next one if it is free.
func (g *gate) leave(key string, t *ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if key == "" {
		g.alone = slices.DeleteFunc(g.alone, func(other *ticket) bool { return other == t })
		return
	}
	g.remove(key, func(other *ticket) bool { return other == t })
}

// remove takes tickets out of a line, and calls the first one that is left.
func (g *gate) remove(key string, which func(*ticket) bool) {
	if len(g.lines[key]) == 0 {
		return
	}
	line := slices.DeleteFunc(g.lines[key], which)
	if len(line) == 0 {
		delete(g.lines, key)
		return
	}
	g.lines[key] = line
	if !g.held {
		line[0].call()
	}
}
