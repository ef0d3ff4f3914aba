package emulator

import (
	"context"
	"sync"
	"time"
)

// functionContext is the context of one invocation. It keeps the values of the caller's context but not its
// cancellation: a client that goes away does not stop a function. The gateway's clock ends it, while Deadline
// is in the machine's time, in which the network packages and most handlers read it.
type functionContext struct {
	context.Context //nolint:containedctx // it is a Context itself, made from this one
	deadline        time.Time
	done            chan struct{}

	mu  sync.Mutex
	err error
}

func newFunctionContext(parent context.Context, timeout time.Duration) *functionContext {
	return &functionContext{
		Context:  context.WithoutCancel(parent),
		deadline: time.Now().Add(timeout),
		done:     make(chan struct{}),
	}
}

func (c *functionContext) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *functionContext) Done() <-chan struct{} { return c.done }

func (c *functionContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// end ends the context with err, unless it has ended.
func (c *functionContext) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.done)
	}
}
