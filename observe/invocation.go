package observe

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/event"
	"github.com/gatesock/gatesock/internal/observing"
)

type (
	requestKey    struct{}
	invocationKey struct{}
)

// invocation is an invocation that is observed, and its context. Its record is used again when the
// invocation has ended; the invocation itself is not, because its context may be kept for longer.
type invocation struct {
	context.Context //nolint:containedctx // it is a Context itself: Lambda's, with the observer

	observer        *Observer
	inside          context.Context //nolint:containedctx // the handler's: this one, or that of its span
	lambdaRequestID string
	endSpan         func(SpanEnd)

	mu           sync.Mutex // guards the rest
	rec          *record    // nil when the invocation has ended
	first        routed
	source, name string
}

var _ observing.Observer = (*invocation)(nil)

// invocationOf returns the invocation that a context belongs to, or nil.
func invocationOf(ctx context.Context) *invocation {
	i, _ := ctx.Value(invocationKey{}).(*invocation)
	return i
}

// Value returns the invocation for its own key and as the observer of what is inside, and else what
// Lambda's context has.
func (i *invocation) Value(key any) any {
	switch key.(type) {
	case invocationKey, observing.Key:
		return i
	}
	return i.Context.Value(key)
}

// begin begins an invocation.
func (o *Observer) begin(ctx context.Context) *invocation {
	i := &invocation{Context: ctx, observer: o, rec: o.records.Get().(*record)}
	i.inside = i
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		i.lambdaRequestID = lc.AwsRequestID
	}
	if o.started.CompareAndSwap(false, true) && o.coldStarts {
		i.rec.counts[coldStarts] = 1
	}
	if o.tracer != nil {
		header, _ := ctx.Value(traceHeaderKey).(string)
		i.inside, i.endSpan = o.startSpan(i, Span{Kind: "event", TraceHeader: header})
	}
	return i
}

// traceHeaderKey is the key of the X-Amzn-Trace-Id in the contexts of aws-lambda-go.
const traceHeaderKey = "x-amzn-trace-id"

// isOpen reports whether the invocation has not ended.
func (i *invocation) isOpen() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.rec != nil
}

// Source takes note of what the invocation's event came from.
func (i *invocation) Source(kind, name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.source, i.name = kind, name
}

// Routed begins the request of a Router.
func (i *invocation) Routed(ctx context.Context, req any) context.Context {
	request, ok := req.(*gatesock.Request)
	if !ok {
		return ctx
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.rec == nil {
		return ctx
	}
	r := &i.first
	if len(i.rec.requests) > 0 {
		r = new(routed)
	}
	i.rec.requests = append(i.rec.requests, r)
	r.Context = ctx
	r.read(request)
	r.start = i.observer.now()
	return r
}

// Resumed makes a request known to the records of its handler. The context is that of a Job.
func (i *invocation) Resumed(ctx context.Context, req any) context.Context {
	request, ok := req.(*gatesock.Request)
	if !ok {
		return ctx
	}
	return &routed{Context: ctx, request: request}
}

// Answered ends the request of a Router.
func (i *invocation) Answered(ctx context.Context, frame int, err error) {
	r, ok := ctx.Value(requestKey{}).(*routed)
	if !ok {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	r.answered = true
	r.duration = i.observer.now().Sub(r.start)
	r.frame, r.err = frame, err
}

// Posted counts a post.
func (i *invocation) Posted(err error) { i.add(postCounter(err), 1) }

// postCounter returns what a post counts as.
func postCounter(err error) counter {
	switch {
	case err == nil:
		return postsDelivered
	case errors.Is(err, gatesock.ErrGone):
		return postsGone
	case errors.Is(err, gatesock.ErrThrottled):
		return postsThrottled
	}
	return postsFailed
}

// Begin begins an operation.
func (i *invocation) Begin(ctx context.Context, op observing.Op) (context.Context, func(observing.Result)) {
	o := i.observer
	var endSpan func(SpanEnd)
	if o.tracer != nil {
		ctx, endSpan = o.startSpan(ctx, Span{Kind: string(op.Kind), Name: op.Name, Target: op.Target})
	}
	start := o.now()
	return ctx, func(r observing.Result) {
		i.finished(op.Kind, o.now().Sub(start), r)
		if endSpan != nil {
			endSpan(spanEnd(op, r))
		}
	}
}

// finished counts an operation that has ended.
func (i *invocation) finished(kind observing.Kind, took time.Duration, r observing.Result) {
	switch kind {
	case observing.Broadcast:
		i.append(fanOutDuration, milliseconds(took))
		i.append(fanOutAudience, float64(r.Audience))
		i.add(fanOutUnreached, int64(r.Failed+r.Unsent))
	case observing.Store:
		i.append(storeLatency, milliseconds(took))
		switch {
		case r.Throttled:
			i.add(storeThrottled, 1)
		case r.Err != nil && !r.Refused:
			i.add(storeErrors, 1)
		}
	case observing.Job:
		i.add(jobs, 1)
		if r.Err != nil && !r.Refused {
			i.add(jobErrors, 1)
		}
	}
}

// Gauge keeps a state. The last value of an invocation counts.
func (i *invocation) Gauge(name observing.GaugeName, value float64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.rec != nil && name == observing.LiveConnections && isValue(value) {
		i.rec.live, i.rec.hasLive = value, true
	}
}

// Counted counts something. A name that is not known is ignored.
func (i *invocation) Counted(name observing.CounterName, n int) {
	for c := eventsPublished; c < counters; c++ {
		if counterNames[c] == string(name) {
			i.add(c, int64(n))
			return
		}
	}
}

// add counts something. It does nothing after the end of the invocation.
func (i *invocation) add(c counter, n int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.rec != nil {
		i.rec.counts[c] += n
	}
}

// append keeps a value. It does nothing after the end of the invocation.
func (i *invocation) append(s series, value float64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	rec := i.rec
	if rec == nil {
		return
	}
	if rec.isFull(rec.series[s]) {
		i.spill()
	}
	rec.series[s] = append(rec.series[s], value)
	rec.values++
}

// spill makes a line of the values until now, so that there is room for others. The caller holds
// the lock.
func (i *invocation) spill() {
	l := line{Observer: i.observer, record: i.rec}
	l.begin()
	l.ofFunction()
	if len(i.rec.requests) > 0 {
		l.ids(i.rec.requests[0].requestID, i.rec.requests[0].connectionID)
	} else {
		l.ids(i.lambdaRequestID, "")
	}
	l.end()
	i.rec.reset()
	if len(i.rec.b) >= mostKept {
		i.observer.write(i.rec.b)
		i.rec.b = i.rec.b[:0]
	}
}

// end writes the lines of the invocation, and ends its span.
func (i *invocation) end(payload, response []byte, err error) {
	o := i.observer
	i.mu.Lock()
	rec := i.rec
	i.rec = nil
	i.settle(rec, payload)
	i.appendLines(rec, i.outcome(response, err))
	end := i.spanEnd(rec, err)
	i.mu.Unlock()

	o.write(rec.b)
	if i.endSpan != nil {
		i.endSpan(end)
	}
	o.flush(i.Context)
	o.release(rec)
}

// settle completes what is known: the source, and requests whose handler panicked.
func (i *invocation) settle(rec *record, payload []byte) {
	switch {
	case i.source != "":
	case len(rec.requests) > 0:
		i.source = "websocket"
	default:
		i.source = sourceOf(event.Read(payload).Kind)
	}
	for _, r := range rec.requests {
		if !r.answered {
			r.duration = i.observer.now().Sub(r.start)
			r.err = errPanicked
		}
	}
}

// outcome returns how the invocation failed, and "" if it did not. An invocation with messages of a
// queue or records of a stream succeeds for Lambda if its response names those that failed (AWS
// Lambda Developer Guide, "Implementing partial batch responses").
func (i *invocation) outcome(response []byte, err error) string {
	switch {
	case err == errPanicked: //nolint:errorlint // it is the package's own, and nobody wraps it
		return "panic"
	case err != nil:
		return "error"
	case i.source != "sqs" && i.source != "kinesis" && i.source != "dynamodb":
		return ""
	}
	var batch struct {
		Failures []struct{} `json:"batchItemFailures"`
	}
	if json.Unmarshal(response, &batch) == nil && len(batch.Failures) > 0 {
		return "partial"
	}
	return ""
}

// sourceOf returns the name of the source of an event, as package eventmux has it.
func sourceOf(kind event.Kind) string {
	switch kind {
	case event.WebSocket:
		return "websocket"
	case event.Authorizer:
		return "authorizer"
	case event.HTTP:
		return "http"
	case event.SQS:
		return "sqs"
	case event.SNS:
		return "sns"
	case event.DynamoDB:
		return "dynamodb"
	case event.Kinesis:
		return "kinesis"
	case event.Schedule:
		return "schedule"
	case event.EventBridge:
		return "eventbridge"
	case event.Unknown:
	}
	return "other"
}

// release lets another invocation use a record.
func (o *Observer) release(rec *record) {
	clear(rec.requests)
	rec.requests = rec.requests[:0]
	rec.reset()
	rec.b = rec.b[:0]
	if cap(rec.b) <= 2*mostKept {
		o.records.Put(rec)
	}
}

// milliseconds returns a duration with the precision of a microsecond.
func milliseconds(d time.Duration) float64 { return float64(max(0, d).Microseconds()) / 1000 }
