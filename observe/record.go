package observe

import (
	"context"
	"errors"
	"time"

	"github.com/gatesock/gatesock"
)

// requestOf returns the request whose handler a context belongs to, and the id of the Lambda
// invocation: nil and "" outside an observed invocation, and nil outside a request of a Router.
func requestOf(ctx context.Context) (r *gatesock.Request, lambdaRequestID string) {
	if at, ok := ctx.Value(requestKey{}).(*routed); ok {
		r = at.request
	}
	if inv := invocationOf(ctx); inv != nil {
		lambdaRequestID = inv.lambdaRequestID
	}
	return r, lambdaRequestID
}

// errPanicked stands for the error of a handler that panicked.
var errPanicked = errors.New("observe: the handler panicked")

// routed is a request of a Router, and the context of its handler. What the lines need of the
// request is copied, because a handler may outlive its [gatesock.Timeout].
type routed struct {
	context.Context //nolint:containedctx // it is a Context itself
	request         *gatesock.Request

	event                   gatesock.EventType
	apiID, stage, route     string
	requestID, connectionID string
	closeCode, bytesIn      int
	openFor                 time.Duration // of a connection that ended; negative if it is not known

	start    time.Time
	answered bool
	duration time.Duration
	frame    int
	err      error
}

// Value returns the request for its own key, and else what the context of the invocation has.
func (r *routed) Value(key any) any {
	if _, ok := key.(requestKey); ok {
		return r
	}
	return r.Context.Value(key)
}

// read copies what the lines need.
func (r *routed) read(req *gatesock.Request) {
	r.request = req
	r.event = req.EventType
	r.apiID, r.stage, r.route = req.APIID, req.Stage, req.Route
	r.requestID, r.connectionID = req.RequestID, req.ConnectionID
	r.closeCode, r.bytesIn = req.DisconnectCode, len(req.Body)
	r.openFor = -1
	if req.EventType == gatesock.EventDisconnect && !req.Time.IsZero() && !req.ConnectedAt.IsZero() {
		r.openFor = max(0, req.Time.Sub(req.ConnectedAt))
	}
}

// counter is a metric whose values are added up in an invocation.
type counter int

const (
	coldStarts counter = iota
	postsDelivered
	postsGone
	postsThrottled
	postsFailed
	fanOutUnreached
	storeThrottled
	storeErrors
	jobs
	jobErrors
	eventsPublished
	recoveriesComplete
	recoveriesNoHistory
	recoveriesNewEpoch
	recoveriesAhead
	historyPages
	syncsBehind
	syncsNotMember
	counters
)

// series is a metric whose values are all kept.
type series int

const (
	fanOutDuration series = iota
	fanOutAudience
	storeLatency
	serieses
)

const (
	// mostValues is how many values a metric has in a line at most (CloudWatch User Guide,
	// "Specification: Embedded metric format": Target members).
	mostValues = 100
	// mostInLine bounds a line, whose limit is 256 KB in older editions of the specification.
	mostInLine = 1000
	// mostKept is how many bytes of lines are kept before they are written.
	mostKept = 32 << 10
)

// record is what an invocation counts, and what its lines are made in. Records are used again.
type record struct {
	requests []*routed
	counts   [counters]int64
	series   [serieses][]float64
	live     float64
	hasLive  bool
	own      []ownMetric
	refused  []refusal
	values   int // how many there are in series, own and refused

	b, tail []byte // whole lines and the beginning of one; the end of that one
}

// ownMetric is a metric of the application.
type ownMetric struct {
	name   string
	unit   Unit
	values []float64
}

// refusal is a value of the application that is not a metric.
type refusal struct {
	name  string
	value float64
}

// isFull reports whether the values have to be written before there is room for another one.
func (rec *record) isFull(values []float64) bool {
	return len(values) == mostValues || rec.values >= mostInLine
}

// reset forgets the values, and keeps their memory.
func (rec *record) reset() {
	rec.counts = [counters]int64{}
	for i := range rec.series {
		rec.series[i] = rec.series[i][:0]
	}
	rec.hasLive = false
	rec.own = rec.own[:0]
	clear(rec.refused)
	rec.refused = rec.refused[:0]
	rec.values = 0
}

// ownOf returns the metric of a name, which may be new.
func (rec *record) ownOf(name string, unit Unit) *ownMetric {
	for i := range rec.own {
		if rec.own[i].name == name {
			return &rec.own[i]
		}
	}
	n := len(rec.own)
	if n < cap(rec.own) {
		rec.own = rec.own[:n+1] // with the values' memory of an earlier line
	} else {
		rec.own = append(rec.own, ownMetric{})
	}
	m := &rec.own[n]
	m.name, m.unit, m.values = name, unit, m.values[:0]
	return m
}
