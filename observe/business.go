package observe

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"sync"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/observing"
)

// Business adds n to a metric of the application, such as "OrdersPlaced". It is a count, with the
// dimension Function; several calls in one invocation are added up. It does nothing outside an
// observed invocation, and after its end, so that functions that use it can run anywhere. It is
// safe for concurrent use.
//
// The name is 1 to 255 printable ASCII characters without quotation marks and backslashes, and not
// one that the line has already, such as "Messages"; see [Metrics]. There are at most 50 names in a
// process; see [WithMetricLimit]. So a name must not have a user or an order in it: each name is a
// metric that is paid for.
//
// What does not fit these rules is logged once for each name, at level warn, and the value is not
// lost: it is in the line, in "refused". So is a value that CloudWatch has no number for: NaN, and
// those beyond ±2^360.
func Business(ctx context.Context, name string, n float64) {
	if i := invocationOf(ctx); i != nil {
		i.measure(name, Count, n, true)
	}
}

// Measure adds a value to a metric of the application, such as a size or a time, of which
// CloudWatch shows averages and percentiles. All values of an invocation are kept. The rules are
// those of [Business]; a name has one unit.
func Measure(ctx context.Context, name string, unit Unit, value float64) {
	if i := invocationOf(ctx); i != nil {
		i.measure(name, unit, value, false)
	}
}

// Store begins a request to a store of the application's own, or to another service, so that it
// counts in StoreLatency, StoreThrottled and StoreErrors, and is in traces. The
// operation is a name such as "Query", and target what it is about, such as a table. The request
// uses the context that Store returns, and ended is called once with its error. An error that
// matches [gatesock.ErrThrottled] counts as throttled. The stores of package dynamo do this
// themselves.
//
//	ctx, ended := observe.Store(ctx, "GetRoom", "rooms")
//	room, err := rooms.Get(ctx, id)
//	ended(err)
//
// Outside an observed invocation Store returns ctx, and ended does nothing.
func Store(ctx context.Context, operation, target string) (inside context.Context, ended func(error)) {
	inside, end := observing.Begin(ctx, observing.Op{Kind: observing.Store, Name: operation, Target: target})
	return inside, func(err error) {
		end(observing.Result{Err: err, Throttled: errors.Is(err, gatesock.ErrThrottled)})
	}
}

// measure keeps a value of the application.
func (i *invocation) measure(name string, unit Unit, value float64, sum bool) {
	why := i.observer.names.check(name, unit, i.observer.metrics)
	if why == "" && !isValue(value) {
		why = "CloudWatch has no such value"
	}
	if why != "" {
		i.observer.names.report(i.observer.activeLogger(), name, why)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.rec == nil:
	case why != "":
		i.refuse(name, value)
	default:
		i.keep(name, unit, value, sum)
	}
}

// keep adds a value to a metric. The caller holds the lock.
func (i *invocation) keep(name string, unit Unit, value float64, sum bool) {
	m := i.rec.ownOf(name, unit)
	if sum && len(m.values) > 0 && isValue(m.values[0]+value) {
		m.values[0] += value
		return
	}
	if i.rec.isFull(m.values) {
		i.spill()
		m = i.rec.ownOf(name, unit)
	}
	m.values = append(m.values, value)
	i.rec.values++
}

// mostRefused is how many values of a line are not metrics at most.
const mostRefused = 100

// refuse keeps a value that is not a metric. The caller holds the lock.
func (i *invocation) refuse(name string, value float64) {
	if len(i.rec.refused) == mostRefused {
		i.spill()
	}
	i.rec.refused = append(i.rec.refused, refusal{cut(name, mostText), value})
	i.rec.values++
}

// isValue reports whether CloudWatch accepts a value (Amazon CloudWatch API Reference,
// "MetricDatum": from -2^360 to 2^360, and no special values).
func isValue(v float64) bool { return math.Abs(v) <= 0x1p360 }

// names are the names of the application's metrics.
type names struct {
	mu       sync.RWMutex
	units    map[string]Unit
	reported []string // the names that were refused
	full     bool     // it was logged that no more are
}

// check returns why a name cannot be used with a unit; "" if it can. A new name counts as one.
func (n *names) check(name string, unit Unit, limit int) (why string) {
	n.mu.RLock()
	known, ok := n.units[name]
	n.mu.RUnlock()
	if !ok {
		known, why = n.add(name, unit, limit)
	}
	if why == "" && known != unit {
		why = "it has the unit " + string(known) + "; a metric has one"
	}
	return why
}

// add takes a name in, and returns its unit.
func (n *names) add(name string, unit Unit, limit int) (_ Unit, why string) {
	if why := nameFault(name); why != "" {
		return "", why
	}
	if !isUnit(unit) {
		return "", "CloudWatch has no unit like this one"
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if known, ok := n.units[name]; ok {
		return known, ""
	}
	if len(n.units) >= limit {
		return "", "there are as many metrics as WithMetricLimit allows; a name must not have a user, " +
			"a room or another thing of which there are many in it"
	}
	if n.units == nil {
		n.units = make(map[string]Unit)
	}
	n.units[name] = unit
	return unit, ""
}

// mostReported is how many refused names are logged at most.
const mostReported = 20

// report logs that a name was refused, once for each name.
func (n *names) report(log *slog.Logger, name, why string) {
	name = cut(name, mostText)
	n.mu.Lock()
	if n.full || slices.Contains(n.reported, name) {
		n.mu.Unlock()
		return
	}
	n.full = len(n.reported) == mostReported
	last := n.full
	if !last {
		n.reported = append(n.reported, name)
	}
	n.mu.Unlock()
	if last {
		log.Warn("observe: more names of metrics were refused, and are not logged; lines have their values in refused")
		return
	}
	log.Warn("observe: a metric was refused; lines have its values in refused",
		slog.String("metric", name), slog.String("why", why))
}
