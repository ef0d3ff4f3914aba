// Package observing carries the observer of an invocation in the invocation's context. Packages
// that send, store or route tell it what they do, without knowing about logs, metrics and traces;
// package observe is the observer. Without one they pay for a look into the context.
package observing

import "context"

// Observer is told what happens during one invocation. Its methods are safe for concurrent use, and
// must not keep what they are given for longer than the invocation.
type Observer interface {
	RequestObserver
	// Resumed is called before the handler of a job, with the *gatesock.Request that an earlier
	// invocation has handed off, and returns the context of the handler. That invocation was Routed:
	// the request does not count again, and nothing is Answered.
	Resumed(ctx context.Context, req any) context.Context
	// Posted is called for each answer of the @connections API to a post, with the post's error.
	Posted(err error)
	// Begin is called when an operation begins, and returns the context for it and a function that is
	// called once when it ends.
	Begin(ctx context.Context, op Op) (context.Context, func(Result))
	// Gauge sets a number that is a state and not a count.
	Gauge(name GaugeName, value float64)
	// Counted is called when something happened n times.
	Counted(name CounterName, n int)
	// Source is called when the source of the invocation's event is known: its kind, such as "sqs",
	// and the name that the program has for it, such as that of a queue; it may be empty.
	Source(kind, name string)
}

// RequestObserver is what a router needs of an [Observer]. It is small, because every Lambda
// function links it.
type RequestObserver interface {
	// Routed is called before a request is handled, with its *gatesock.Request, and returns the
	// context of the handler.
	Routed(ctx context.Context, req any) context.Context
	// Answered is called once for each Routed, with the context that it returned, the size of the
	// frame that answers the request, and the error of its handler or of its reply. If the handler
	// panics, it is not called.
	Answered(ctx context.Context, frame int, err error)
}

// Op is an operation that takes time.
type Op struct {
	Kind Kind
	// Name is that of the operation, such as "Query". There are few of them.
	Name string
	// Target is what the operation is about, such as a table; for traces only.
	Target string
}

// Kind is a kind of operations.
type Kind string

// The kinds of operations.
const (
	// Broadcast is a send to an audience, or the closing of its connections.
	Broadcast Kind = "broadcast"
	// Store is one request to a store, such as one to DynamoDB; a repeated request is another.
	Store Kind = "store"
	// Job is work that an earlier invocation handed off.
	Job Kind = "job"
)

// Result is how an operation ended.
type Result struct {
	Err error
	// Throttled reports whether the store refused the request because of its rate.
	Throttled bool
	// Refused reports whether Err is an answer that the caller provoked on purpose, such as a
	// condition that does not hold. It does not count as a failure.
	Refused bool
	// The numbers of a broadcast.Report, for a Broadcast.
	Audience, Delivered, Gone, Failed, Unsent, Retries int
}

// GaugeName is the name of a state.
type GaugeName string

// LiveConnections is the number of connections that a pass of the sweeper found open.
const LiveConnections GaugeName = "LiveConnections"

// CounterName is the name of what is counted.
type CounterName string

// What package topic counts.
const (
	EventsPublished     CounterName = "EventsPublished"     // events that were added to topics
	RecoveriesComplete  CounterName = "RecoveriesComplete"  // subscriptions that got all that they had missed
	RecoveriesNoHistory CounterName = "RecoveriesNoHistory" // what they had missed is not kept any more
	RecoveriesNewEpoch  CounterName = "RecoveriesNewEpoch"  // another epoch had begun
	RecoveriesAhead     CounterName = "RecoveriesAhead"     // the log had never been at the position
	HistoryPages        CounterName = "HistoryPages"        // answers to requests for older events
	SyncsBehind         CounterName = "SyncsBehind"         // topics in which a sync found its client behind
	SyncsNotMember      CounterName = "SyncsNotMember"      // topics that its client was not subscribed to
)

// Key is the key of the observer in a context. A context that has one itself answers to it.
type Key struct{}

// OfRequests returns the observer of a context for a router, or nil.
func OfRequests(ctx context.Context) RequestObserver {
	o, _ := ctx.Value(Key{}).(RequestObserver)
	return o
}

// From returns the observer of a context, or nil.
func From(ctx context.Context) Observer {
	o, _ := ctx.Value(Key{}).(Observer)
	return o
}

// Posted calls the observer of a context, if there is one, with the answer to a post.
func Posted(ctx context.Context, err error) {
	if o := From(ctx); o != nil {
		o.Posted(err)
	}
}

// Begin calls the observer of a context, if there is one, for an operation that begins.
func Begin(ctx context.Context, op Op) (context.Context, func(Result)) {
	if o := From(ctx); o != nil {
		return o.Begin(ctx, op)
	}
	return ctx, func(Result) {}
}

// Gauge calls the observer of a context, if there is one, with a state.
func Gauge(ctx context.Context, name GaugeName, value float64) {
	if o := From(ctx); o != nil {
		o.Gauge(name, value)
	}
}

// Count calls the observer of a context, if there is one, if n is not 0.
func Count(ctx context.Context, name CounterName, n int) {
	if n == 0 {
		return
	}
	if o := From(ctx); o != nil {
		o.Counted(name, n)
	}
}

// Source calls the observer of a context, if there is one, with the source of the invocation's
// event.
func Source(ctx context.Context, kind, name string) {
	if o := From(ctx); o != nil {
		o.Source(kind, name)
	}
}
