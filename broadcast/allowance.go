package broadcast

import (
	"context"
	"time"
)

// allowance is the time that a post has, as a context. A worker's posts share one for as long as it has nine tenths of
// the time left: to make one for each would be a tenth of what a post costs.
type allowance struct {
	ctx    context.Context //nolint:containedctx // It is lent to the posts of one worker, which ends with its own.
	cancel context.CancelFunc
	until  time.Time // if the parent does not end earlier
}

// renew gives a context with enough of the timeout left.
func (a *allowance) renew(parent context.Context, timeout time.Duration) context.Context {
	now := time.Now()
	if a.ctx != nil && a.ctx.Err() == nil && a.until.Sub(now) >= timeout-timeout/10 {
		return a.ctx
	}
	a.end()
	a.until = now.Add(timeout)
	a.ctx, a.cancel = context.WithDeadline(parent, a.until)
	return a.ctx
}

func (a *allowance) end() {
	if a.cancel != nil {
		a.cancel()
	}
}
