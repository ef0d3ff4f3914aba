package dev

import (
	"context"
	"sync"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/api"
	"github.com/gatesock/gatesock/internal/bounded"
)

// origin is what a Lambda invocation comes from: a connection and a request of a gateway.
type origin struct{ connection, request string }

// requests knows the origins of invocations by their ids of Lambda, which their log lines have,
// also those that come after the reply. It is safe for concurrent use.
type requests struct {
	mu      sync.Mutex
	count   int64
	origins *bounded.Map[string, counted]
}

// counted is an origin with its place in the order of invocations.
type counted struct {
	origin
	n int64
}

// keptOrigins is how many invocations are known.
const keptOrigins = 4096

func newRequests() *requests {
	return &requests{origins: bounded.New[string](keptOrigins, func(c counted) int64 { return c.n })}
}

// begin returns the context of an invocation with a new id of Lambda's, which is a UUID as that of
// the gateway's request is not, and remembers where it comes from.
func (r *requests) begin(ctx context.Context, from origin) context.Context {
	id := api.NewID()
	r.mu.Lock()
	r.count++
	r.origins.Set(id, counted{from, r.count})
	r.mu.Unlock()
	return lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: id})
}

// within returns the context of a call that the invocation with an id of Lambda's makes: for the
// gateway it is a part of the request that the invocation comes from.
func (r *requests) within(ctx context.Context, id string) context.Context {
	return lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: r.of(id).request})
}

// of returns where the invocation with an id of Lambda's comes from. One that comes from no gateway
// is a request of its own.
func (r *requests) of(id string) origin {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.origins.Get(id); ok && c.request != "" {
		return c.origin
	}
	return origin{request: id}
}
