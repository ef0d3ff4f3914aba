package gatesock

import "context"

// HandlerFunc handles one event. Every handler, typed or not, is reduced to it, and every [Middleware] wraps it.
//
// A nil Reply means that there is nothing to say: a message that carries an id is then acknowledged, one without
// is not answered, and neither is one on a [Raw] route. An error becomes an error frame, or the handshake's status on $connect; see [Error].
//
// Handlers run concurrently, also for one connection, and should be idempotent: the gateway promises
// neither order nor exactly one delivery. Goroutines that a handler starts must have ended when it returns,
// since Lambda freezes the process.
type HandlerFunc func(ctx context.Context, req *Request) (*Reply, error)

// Middleware wraps a handler. The handler that it returns must be safe for concurrent use. It is called once for each
// route, at the first event.
type Middleware func(next HandlerFunc) HandlerFunc

// Reply is what a handler answers.
type Reply struct {
	// Data becomes the data of the reply frame, encoded by the route's [Codec] (messages only). On a [Raw] route it is the whole
	// frame.
	Data any
	// Frame, if not nil, is sent as it is in place of a reply frame (messages only); nothing is, if it is empty. Bytes that
	// are not UTF-8 are sent as U+FFFD.
	Frame []byte
	// Silent sends nothing, not even an acknowledgement (messages only): for a handler that has posted its answer already, or
	// leaves that to another invocation. Unless the route is [OneWay], the gateway still sends an empty frame.
	Silent bool
	// Subprotocol is returned in Sec-WebSocket-Protocol ($connect only). The gateway does not choose
	// one by itself, and a browser that offered some refuses a handshake that returns none (observed:
	// serverless-offline#1176, aws-lambda-graphql#84).
	Subprotocol string
}

// Route describes a route of an API, for what deploys or emulates it.
type Route struct {
	// Key is the route key.
	Key string
	// NeedsResponse is true if the API needs a route response for this route, without which the gateway
	// drops what the handler answers. It is false for $connect, $disconnect and the routes that are [OneWay].
	NeedsResponse bool
	// Guards are the names of what decides who may use the route; see [WithGuard].
	Guards []string
}
