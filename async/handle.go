package async

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/gatesock/gatesock"
)

// HandleReply registers a handler that runs in another invocation. The client is answered at once,
// and gets the result as a push with the same id:
//
//	func makeReport(ctx context.Context, req *gatesock.Request, in Query) (Report, error) { … }
//
//	async.HandleReply(r, jobs, "report", makeReport)
//
//	→ {"action":"report","id":"1","year":2026}
//	← {"id":"1","action":"report","data":null}
//	⋮
//	← {"event":"report","id":"1","data":{…}}
//
// When the request arrives, its middleware and guards run, and it is decoded and validated as on
// any typed route. A request that is refused is answered by an error, and nothing else happens. All
// others go to the queue, and are answered when the queue has accepted them. If it does not, the
// answer is an error with [gatesock.CodeUnavailable], or [gatesock.CodeTooLarge] if the request is
// too large for it.
//
// The handler gets the same request later. Its result, or its error, has the same form as in an
// answer, and the limit of [gatesock.MaxMessageSize]: a result that is larger becomes an error with
// [gatesock.CodeTooLarge]. A request without an id is not acknowledged, and its result has no id.
// The frame of an error is that of [gatesock.WithErrorFrame], if the Router or the route has one;
// that frame is pushed as it is.
//
// The options are those of the route. [gatesock.WithMiddleware] and [gatesock.WithGuard] act when
// the request arrives; for middleware around the handler, see [WithMiddleware].
//
// HandleReply panics for the reasons that [gatesock.HandleReply] has, if the route is
// [gatesock.OneWay] or [gatesock.Raw], if the Router declares the pushes of an event of this name
// elsewhere, if jobs already has a route with the key, and if the Router's [gatesock.Envelope] has
// the same name for Event and Action: such clients take a frame with an id for an answer.
func HandleReply[In, Out any](
	r *gatesock.Router, jobs *Jobs, key string,
	h func(context.Context, *gatesock.Request, In) (Out, error), opts ...gatesock.RouteOption,
) {
	rt := newRoute("HandleReply", r, jobs, key, h == nil)
	gatesock.HandleReply(rt.inner, key, h, shared(opts)...)
	rt.check(func(probe *gatesock.Router) { gatesock.HandleReply(probe, key, h, opts...) })
	jobs.add(rt)
	gatesock.Handle(r, key, func(ctx context.Context, req *gatesock.Request, _ In) error {
		return jobs.enqueue(ctx, key, req)
	}, opts...)
	gatesock.DeclarePush[Out](r, key)
}

// Handle is [HandleReply] for a handler without a result. When it has returned, the client gets a
// push whose data is null, {"event":"import","id":"1","data":null}, if its request had an id. An
// error is pushed in any case.
func Handle[In any](
	r *gatesock.Router, jobs *Jobs, key string,
	h func(context.Context, *gatesock.Request, In) error, opts ...gatesock.RouteOption,
) {
	rt := newRoute("Handle", r, jobs, key, h == nil)
	gatesock.Handle(rt.inner, key, h, shared(opts)...)
	rt.check(func(probe *gatesock.Router) { gatesock.Handle(probe, key, h, opts...) })
	jobs.add(rt)
	gatesock.Handle(r, key, func(ctx context.Context, req *gatesock.Request, _ In) error {
		return jobs.enqueue(ctx, key, req)
	}, opts...)
	gatesock.DeclarePush[Null](r, key)
}

// Null is the data of the push that a route of [Handle] declares. It is always null.
type Null struct{}

// MarshalJSON returns null.
func (Null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// JSONSchema returns the schema of null.
func (Null) JSONSchema() json.RawMessage { return json.RawMessage(`{"type":"null"}`) }

// route is a route whose handler runs in another invocation.
type route struct {
	key   string
	site  string
	inner *gatesock.Router // decodes, runs and encodes as the Router of the application does
	names gatesock.Envelope
}

func newRoute(function string, r *gatesock.Router, jobs *Jobs, key string, isNil bool) *route {
	site := callerSite()
	for name, missing := range map[string]bool{"r": r == nil, "jobs": jobs == nil, "h": isNil} {
		if missing {
			panic(fmt.Sprintf("async: %s: route %q at %s: %s must not be nil", function, key, site, name))
		}
	}
	rt := &route{
		key: key, site: site, names: r.Describe().Envelope,
		inner: gatesock.New(gatesock.WithOptionsOf(r), gatesock.WithoutDefaultRoute()),
	}
	rt.inner.Use(gatesock.Recover(), giveUp)
	rt.inner.Use(jobs.middleware...)
	if rt.names.Event == rt.names.Action {
		panic(fmt.Sprintf("async: route %q at %s: the envelope has the name %q for Event and Action, "+
			"so clients could not tell a result from an answer", key, site, rt.names.Event))
	}
	return rt
}

// shared returns the options that also hold for a router, which say how messages are decoded and
// answered. The others hold when the request arrives.
func shared(opts []gatesock.RouteOption) []gatesock.RouteOption {
	var list []gatesock.RouteOption
	for _, o := range opts {
		if s, ok := o.(gatesock.SharedOption); ok {
			list = append(list, s)
		}
	}
	return list
}

// check panics if the options of the route do not fit, or a middleware of its jobs returns nil.
func (rt *route) check(register func(*gatesock.Router)) {
	rt.inner.Freeze()
	probe := gatesock.New()
	register(probe)
	for _, d := range probe.Describe().Routes {
		switch {
		case d.Key != rt.key:
		case d.Raw:
			panic(fmt.Sprintf("async: route %q at %s is Raw, but the result needs the envelope", rt.key, rt.site))
		case !d.NeedsResponse:
			panic(fmt.Sprintf("async: route %q at %s is OneWay, but the client gets an acknowledgement and a result", rt.key, rt.site))
		}
	}
}

// enqueue hands a request off.
func (j *Jobs) enqueue(ctx context.Context, key string, req *gatesock.Request) error {
	job, err := newJob(key, req)
	if err == nil {
		err = j.queue.Enqueue(ctx, job)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrTooLarge):
		return gatesock.Errorf(gatesock.CodeTooLarge, "the request is too large to be handed off").WithCause(err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("async: enqueue: %w", err)
	default:
		return gatesock.Errorf(gatesock.CodeUnavailable, "the request could not be handed off").WithCause(err)
	}
}

// callerSite returns the file and line that called this package.
func callerSite() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "github.com/gatesock/gatesock/async.") || !more {
			return fmt.Sprintf("%s:%d", f.File, f.Line)
		}
	}
}
