package emulator

import (
	"sync"
	"time"
)

// holding has what faults hold back until the clock releases it. It does not count as running.
type holding struct {
	mu     sync.Mutex
	closed bool
	held   map[*held]struct{}
}

type held struct {
	timer   Timer
	release func(dropped bool)
}

// hold calls release after d, by the clock. The gateway's shutdown calls it earlier, with dropped.
func (g *Gateway) hold(d time.Duration, release func(dropped bool)) {
	h := &g.holding
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		release(true)
		return
	}
	defer h.mu.Unlock()
	if h.held == nil {
		h.held = make(map[*held]struct{})
	}
	it := &held{release: release}
	h.held[it] = struct{}{}
	it.timer = g.cfg.Clock.AfterFunc(d, func() {
		if g.release(it) {
			defer g.running.end()
			release(false)
		}
	})
}

// release takes something out of the holding, and counts it as running. It reports whether it was
// there.
func (g *Gateway) release(it *held) bool {
	g.holding.mu.Lock()
	defer g.holding.mu.Unlock()
	if _, there := g.holding.held[it]; !there {
		return false
	}
	delete(g.holding.held, it)
	g.running.begin()
	return true
}

// dropHeld drops what is held back, now and later.
func (g *Gateway) dropHeld() {
	g.holding.mu.Lock()
	held := g.holding.held
	g.holding.held, g.holding.closed = nil, true
	g.holding.mu.Unlock()
	for it := range held {
		it.timer.Stop()
		it.release(true)
	}
}
