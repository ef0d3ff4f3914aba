package emulator

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// functionContext is the context of one invocation. It keeps the values of the caller's context but not its
// cancellation: a client that goes away does not stop a function. The gateway's clock ends it, while Deadline
// is in the machine's time, in which the network packages and most handlers read it. What it is rarely asked for
// it makes when asked.
type functionContext struct {
	parent    context.Context //nolint:containedctx // it is a Context itself, made from this one
	deadline  time.Time
	requestID string
	arn       string // of the function

	mu     sync.Mutex
	values context.Context //nolint:containedctx // the parent's with those of Lambda; nil until asked for
	done   chan struct{}   // nil until somebody waits
	err    error
}

func (c *functionContext) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *functionContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

func (c *functionContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *functionContext) Value(key any) any {
	c.mu.Lock()
	if c.values == nil {
		c.values = lambdacontext.NewContext(context.WithoutCancel(c.parent), &lambdacontext.LambdaContext{
			AwsRequestID:       c.requestID,
			InvokedFunctionArn: c.arn,
		})
	}
	values := c.values
	c.mu.Unlock()
	return values.Value(key)
}

// end ends the context with err, unless it has ended.
func (c *functionContext) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
}
