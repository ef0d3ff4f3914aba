package iot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/topic"
)

// incoming is a [Report] of which each reading is decoded by itself: one that is refused must not
// disturb the others.
type incoming struct {
	Readings []json.RawMessage `json:"readings" jsonschema:"minItems=1,maxItems=100"`
}

// Validate checks the number of readings.
func (in incoming) Validate() error {
	if n := len(in.Readings); n == 0 || n > maxReadings {
		return fmt.Errorf(`"readings" must have 1 to %d members, it has %d`, maxReadings, n)
	}
	return nil
}

// report takes the readings of a device, or of several from a gateway. A device that speaks HTTP
// gets its orders with the answer.
func (a *App) report(ctx context.Context, who caller, in incoming) (out Outcome, err error) {
	out = a.ingest(ctx, who, in.Readings)
	if who.via == viaHTTP && who.device != "" {
		out.Commands, err = a.pendingOrders(ctx, who)
	}
	return out, err
}

// arrival is a reading, and what becomes of it.
type arrival struct {
	Reading

	refused *refusal
}

// ingest takes readings. It counts those that are refused, and says why. Devices do not wait for
// one another; the readings of one are taken in their order.
func (a *App) ingest(ctx context.Context, who caller, raw []json.RawMessage) Outcome {
	arrivals := make([]*arrival, len(raw))
	byDevice := map[string][]*arrival{}
	for i, r := range raw {
		arrivals[i] = arrive(who, r)
		if arrivals[i].refused == nil {
			byDevice[arrivals[i].Device] = append(byDevice[arrivals[i].Device], arrivals[i])
		}
	}
	var wg sync.WaitGroup // of at most maxReadings
	for device, of := range byDevice {
		wg.Go(func() { a.take(ctx, who, device, of) })
	}
	wg.Wait()

	var out Outcome
	for _, r := range arrivals {
		if r.refused == nil {
			out.Accepted++
			continue
		}
		out.Refused = append(out.Refused, Refused{r.Device, r.Seq, r.refused.reason, r.refused.message})
		a.countRefusal(who.tenant, r.refused.reason, r.Device+": "+r.refused.message)
	}
	a.flushRefusals(ctx)
	return out
}

// arrive decodes a reading, and finds out of which device it is.
func arrive(who caller, raw json.RawMessage) *arrival {
	r, refused := parseReading(raw)
	if r.Device == "" {
		r.Device = who.device
	}
	switch {
	case refused != nil:
	case r.Device == "":
		refused = refuse(ReasonMalformed, `"device" is missing`)
	case !who.speaksFor(r.Device):
		refused = refuse(ReasonForbidden, "the key is not that of this device")
	}
	return &arrival{r, refused}
}

// take takes the readings of one device, in an order of steps in which nothing is lost or doubled
// wherever it ends: first the history, in which a reading is found by its number, then the device,
// which says that it was accepted. A device that was not told so sends the reading again.
func (a *App) take(ctx context.Context, who caller, id string, arrivals []*arrival) {
	d, err := a.device(ctx, who.tenant, id)
	switch {
	case gatesock.CodeOf(err) == gatesock.CodeNotFound:
		refuseAll(arrivals, refuse(ReasonUnknownDevice, "there is no such device"))
		return
	case err != nil:
		refuseAll(arrivals, unavailable(ctx, err))
		return
	}
	fresh := a.store(ctx, who.tenant, d, a.pick(ctx, who.tenant, d, arrivals))
	if len(fresh) == 0 {
		return
	}
	settled := a.settle(ctx, who.tenant, d)
	d, err = a.changeDevice(ctx, who.tenant, id, func(last *Device) error {
		if last.Generation != d.Generation {
			return errRegistered
		}
		last.forget(settled)
		last.LastSeen, last.Via = a.now(), who.via
		for _, r := range fresh {
			r.refused = last.accept(a.types[last.Type], r.Reading)
		}
		return nil
	})
	if err != nil {
		refuseAll(fresh, unavailable(ctx, err))
		return
	}
	a.settle(ctx, who.tenant, d)
}

var errRegistered = errors.New("the device was registered meanwhile")

// pick refuses the readings with which something is wrong, and returns the others.
func (a *App) pick(ctx context.Context, tenant string, d Device, arrivals []*arrival) (fresh []*arrival) {
	var valid []*arrival
	for _, r := range arrivals {
		if r.refused = a.types[d.Type].checkValues(r.Values); r.refused == nil {
			r.refused = checkTime(r.At, a.now(), a.retention)
		}
		if r.refused == nil {
			valid = append(valid, r)
		}
	}
	n := a.limits.pass(ctx, tenant, d.ID, len(valid))
	refuseAll(valid[n:], refuse(ReasonRateLimited, "the device sends too fast"))
	seen := d.sequence()
	for _, r := range valid[:n] {
		if r.refused = seen.check(r.Seq); r.refused == nil {
			seen, fresh = seen.add(r.Seq), append(fresh, r)
		}
	}
	return fresh
}

// store adds readings to the history, and returns those that are there. After a failure it goes no
// further, so that they stay in order.
func (a *App) store(ctx context.Context, tenant string, d Device, fresh []*arrival) []*arrival {
	for i, r := range fresh {
		key := fmt.Sprintf("%d.%d", d.Generation, r.Seq)
		_, _, err := a.topics.Publish(ctx, HistoryTopic(tenant, d.ID), "reading", r.Reading, topic.WithKey(key))
		if err != nil {
			refuseAll(fresh[i:], unavailable(ctx, err))
			return fresh[:i]
		}
	}
	return fresh
}

func refuseAll(arrivals []*arrival, because *refusal) {
	for _, r := range arrivals {
		r.refused = because
	}
}

// unavailable refuses what could not be stored. What failed is for the log.
func unavailable(ctx context.Context, err error) *refusal {
	slog.ErrorContext(ctx, "iot: a reading", "error", err)
	return refuse(ReasonUnavailable, "the reading could not be stored, send it again")
}

// countMalformed counts reports that cannot be decoded at all.
func (a *App) countMalformed(next gatesock.HandlerFunc) gatesock.HandlerFunc {
	return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		reply, err := next(ctx, req)
		if gatesock.CodeOf(err) == gatesock.CodeInvalidArgument {
			who := callerOf(req)
			a.Refuse(ctx, who.tenant, ReasonMalformed, who.ID+": "+err.Error())
		}
		return reply, err
	}
}
