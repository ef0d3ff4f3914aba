package observe

import (
	"context"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/gatesock/gatesock"
)

// requestOf returns the request whose handler a context belongs to, and the id of the Lambda
// invocation: nil and "" outside an observed invocation, and nil outside a request of a Router.
func requestOf(ctx context.Context) (r *gatesock.Request, lambdaRequestID string) {
	if at, ok := ctx.Value(requestKey{}).(*routed); ok {
		r = at.request
	}
	if inv, ok := ctx.Value(invocationKey{}).(*invocation); ok {
		lambdaRequestID = inv.lambdaRequestID
	}
	return r, lambdaRequestID
}

// invocation is the context of an observed invocation.
type invocation struct {
	context.Context
	lambdaRequestID string
	start           time.Time
	first           routed
}

// Value returns the invocation itself for its own key, and else what the context of Lambda has.
func (i *invocation) Value(key any) any {
	if _, ok := key.(invocationKey); ok {
		return i
	}
	return i.Context.Value(key)
}

// routed is the context of a request of a Router.
type routed struct {
	context.Context
	request *gatesock.Request
}

// Value returns the request for its own key, and else what the context of the invocation has.
func (r *routed) Value(key any) any {
	if _, ok := key.(requestKey); ok {
		return r
	}
	return r.Context.Value(key)
}

// begin begins an invocation.
func (o *Observer) begin(ctx context.Context) *invocation {
	inv := &invocation{Context: ctx, start: o.now()}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		inv.lambdaRequestID = lc.AwsRequestID
	}
	return inv
}

// end ends an invocation.
func (o *Observer) end(*invocation) { o.started.Store(true) }

type (
	requestKey    struct{}
	invocationKey struct{}
)
