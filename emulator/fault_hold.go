package emulator

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// holding has what faults hold back until the clock releases it. It does not count as running.
type holding struct {
	mu     sync.Mutex
	closed bool
	last   uint64 // the number of the last one
	held   map[*held]struct{}
}

type held struct {
	due     time.Time
	n       uint64
	timer   Timer
	release release
}

// release returns what runs when something is not held back any longer, or nil. It is dropped if
// the gateway shuts down before its time.
type release func(dropped bool) *invocation

// hold calls release after d, by the clock, and runs what it returns.
func (g *Gateway) hold(d time.Duration, release release) {
	h := &g.holding
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		release(true).start()
		return
	}
	defer h.mu.Unlock()
	if h.held == nil {
		h.held = make(map[*held]struct{})
	}
	h.last++
	it := &held{due: g.clock.Now().Add(d), n: h.last, release: release}
	h.held[it] = struct{}{}
	it.timer = g.clock.AfterFunc(d, func() { g.release(it) })
}

// release releases what is due, all at the same time, and returns when it has run.
func (g *Gateway) release(first *held) {
	due := g.takeDue(first)
	if len(due) == 0 {
		return
	}
	defer g.running.end()
	running := make([]*invocation, 0, len(due))
	for _, it := range due {
		it.timer.Stop()
		inv := it.release(false)
		inv.start()
		running = append(running, inv)
	}
	for _, inv := range running {
		inv.wait(context.Background())
	}
}

// takeDue removes what is due with first, in order, and counts it as running. It returns nothing if
// first is not held any more.
func (g *Gateway) takeDue(first *held) (due []*held) {
	g.holding.mu.Lock()
	defer g.holding.mu.Unlock()
	if _, there := g.holding.held[first]; !there {
		return nil
	}
	for it := range g.holding.held {
		if !it.due.After(first.due) {
			due = append(due, it)
			delete(g.holding.held, it)
		}
	}
	slices.SortFunc(due, func(a, b *held) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.n, b.n)) })
	g.running.begin()
	return due
}

// dropHeld drops what is held back, now and later.
func (g *Gateway) dropHeld() {
	g.holding.mu.Lock()
	held := g.holding.held
	g.holding.held, g.holding.closed = nil, true
	g.holding.mu.Unlock()
	for it := range held {
		it.timer.Stop()
		it.release(true).start()
	}
}
