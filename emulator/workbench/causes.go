package workbench

import (
	"sync"
	"sync/atomic"

	"github.com/gatesock/gatesock/emulator"
)

// causes are the events that requests to the workbench are about to cause, so that entries have who
// caused them.
type causes struct {
	expected atomic.Int64 // most events are caused by nobody here

	mu      sync.Mutex
	pending []*cause
}

// cause is an event that somebody is about to cause.
type cause struct {
	kind emulator.EventKind
	id   string
	body string
	by   string
}

// expect sets who causes the next such event, until the caller calls end.
func (c *causes) expect(e cause) (end func()) {
	c.expected.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = append(c.pending, &e)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.remove(&e)
	}
}

func (c *causes) remove(e *cause) {
	for i, other := range c.pending {
		if other == e {
			c.pending = append(c.pending[:i], c.pending[i+1:]...)
			c.expected.Add(-1)
			return
		}
	}
}

// of returns who caused an event, or "".
func (c *causes) of(kind emulator.EventKind, id string, body []byte) string {
	if c.expected.Load() == 0 {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.pending {
		if e.kind == kind && e.id == id && e.body == string(body) {
			c.remove(e)
			return e.by
		}
	}
	return ""
}
