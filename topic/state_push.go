package topic

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gatesock/gatesock/broadcast"
)

// change is a change of a value that is pushed.
type change struct {
	*Topics

	topic   string
	value   Value
	counter int64
	begun   time.Time // when the value was stored, or not much later

	patience time.Duration // State.Patience

	mu    sync.Mutex
	total broadcast.Report // of all groups, without a cursor, since clients sync
	errs  []error
	waits []waiting
}

// target is the subscribers with one filter, and what the change is for them.
type target struct {
	kept   KeptFilter
	filter filter
	event  string // "": nothing
}

// waiting is a turn that is to be taken when its time has come.
type waiting struct {
	target

	turn Turn
	due  time.Time
}

// The times within which a filter that nobody uses is removed. A subscriber writes the filter anew,
// after its membership, if it was last written more than filterFresh ago. A publisher removes one
// that was last written more than filterIdle ago, within filterFresh of reading that it has no
// members: if a subscriber has come meanwhile, it has written the filter, and the removal, which
// names the nonce that the publisher has read, does nothing. So does a subscriber that finds no
// room for its filter.
const (
	filterFresh = 30 * time.Second
	filterIdle  = 2 * filterFresh
)

// push pushes the change to all subscribers that it concerns.
func (c *change) push(ctx context.Context, state State, s Stored) (broadcast.Report, error) {
	targets, err := c.targets(ctx, state, s)
	if err != nil {
		c.errs = append(c.errs, err)
	}
	each(len(targets)+1, func(i int) {
		if i == len(targets) {
			c.send(ctx, Group(c.topic), c.value, eventOf(c.value))
			return
		}
		c.serve(ctx, targets[i])
	})
	c.wait(ctx)
	return c.total, errors.Join(c.errs...)
}

// targets returns the filters whose subscribers the change concerns.
func (c *change) targets(ctx context.Context, state State, s Stored) ([]target, error) {
	if !state.filterable() {
		return nil, nil
	}
	kept, err := c.values.ReadFilters(ctx, c.topic)
	if err != nil {
		return nil, err
	}
	all, names := make([]target, 0, len(kept)), make([]string, 0, 2*len(kept))
	for _, k := range kept {
		f, err := c.parsed.get(k.Filter)
		if err != nil {
			c.slog().WarnContext(ctx, "topic: a filter in the store is not valid", "topic", c.topic, "id", k.ID, "error", err)
			continue
		}
		all, names = append(all, target{kept: k, filter: f}), append(names, f.attributes()...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	now, before := attributesOf(c.value.Data, names), attributesOf(s.Before, names) // once, since values may be large
	for i := range all {
		all[i].event = eventFor(all[i].filter, now, before, s.BeforeUnknown)
	}
	return slices.DeleteFunc(all, func(to target) bool { return to.event == "" }), nil
}

func eventOf(v Value) string {
	if v.Deleted() {
		return eventDelete
	}
	return eventSet
}

// eventFor returns what a change is for the subscribers with a filter: the new value if it matches,
// unless the value before did and nothing has changed that counts; its end if the value before
// matched; and else nothing.
func eventFor(f filter, now, before attributes, beforeUnknown bool) string {
	matches, matched := f.matches(now), beforeUnknown || f.matches(before)
	switch {
	case matches && matched && !beforeUnknown && !f.changed(now, before):
		return ""
	case matches:
		return eventSet
	case !matched:
		return ""
	case now.deleted:
		return eventDelete
	default:
		return eventDrop
	}
}

// A push must not arrive more than 15 minutes after its change, since clients forget that a value
// is gone. Sending begins in the first part of that time, and ends, also by jobs in a queue, within
// the other.
const (
	maxPushAge = 5 * time.Minute
	maxSendAge = 9 * time.Minute
)

var errTooLate = errors.New("topic: it is too late to push a value that was stored more than 5 minutes ago; " +
	"clients get it with their next sync")

// send pushes a value to a group.
func (c *change) send(ctx context.Context, group string, v Value, event string) broadcast.Report {
	rep, err := broadcast.Report{Incomplete: true}, errTooLate // the process was frozen, or the stream is behind
	if c.now().Round(0).Sub(c.begun.Round(0)) <= maxPushAge {
		ctx, cancel := context.WithTimeout(ctx, maxSendAge)
		defer cancel()
		rep, err = c.timely.SendFrame(ctx, broadcast.To(group), c.valueFrame(c.topic, event, v, c.counter))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total.Add(rep)
	c.total.ID = cmp.Or(c.total.ID, rep.ID)
	c.total.HandedOff = append(c.total.HandedOff, rep.HandedOff...)
	if err != nil {
		c.errs = append(c.errs, err)
		rep.Incomplete = true
	}
	return rep
}

func (c *change) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
}

// serve pushes the change to the subscribers with a filter, now or when its interval is over.
func (c *change) serve(ctx context.Context, to target) {
	if to.filter.every == 0 {
		c.sendFiltered(ctx, to, c.value, to.event)
		return
	}
	w := waiting{target: to, turn: Turn{
		Topic: c.topic, Filter: to.kept.ID, Key: c.value.Key, Every: to.filter.every, Patience: patience(ctx, c.patience),
	}}
	taken := c.take(ctx, w)
	if taken.Wait > 0 {
		w.turn.Ticket, w.due = taken.Ticket, time.Now().Add(taken.Wait)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.waits = append(c.waits, w)
	}
}

// sendFiltered pushes to the subscribers with a filter, and removes the filter if there are none.
func (c *change) sendFiltered(ctx context.Context, to target, v Value, event string) {
	begun := c.now()
	rep := c.send(ctx, filteredGroup(to.kept.ID, c.topic), v, event)
	now := c.now()
	if rep.Audience > 0 || len(rep.HandedOff) > 0 || rep.Incomplete ||
		now.Sub(to.kept.Kept) < filterIdle || now.Sub(begun) > filterFresh/3 {
		return
	}
	if err := c.values.DropFilter(ctx, c.topic, to.kept); err != nil {
		c.logFilter(ctx, c.topic, to.kept.ID, err)
	}
}

// patience returns for how long a call can wait for a turn and still push. of is that of the State.
func patience(ctx context.Context, of time.Duration) time.Duration {
	longest := time.Duration(maxEvery)
	if of != 0 {
		longest = of
	}
	if deadline, ok := ctx.Deadline(); ok {
		longest = min(longest, time.Until(deadline)-patienceMargin)
	}
	return longest
}

// patienceMargin is what is left of the deadline for the pushes: the margin of a Broadcaster, and a
// second.
const patienceMargin = 2 * time.Second

// take asks for a turn, and with it pushes the latest value.
func (c *change) take(ctx context.Context, w waiting) Taken {
	taken, err := c.values.TakeTurn(ctx, w.turn)
	if err != nil {
		c.fail(err)
		return Taken{}
	}
	if taken.Mine {
		c.pushLatest(ctx, w)
	}
	return taken
}

// pushLatest pushes the value that is stored now. Others that changed it rely on that: they have
// stored their value before they asked for a turn, and were told that somebody else has it.
func (c *change) pushLatest(ctx context.Context, w waiting) {
	v, err := c.values.GetValue(ctx, c.topic, c.value.Key)
	if err != nil {
		c.fail(err)
		return
	}
	if v.Version < c.value.Version { // its mark has expired
		v = Value{Key: c.value.Key, Version: c.value.Version}
	}
	now := attributesOf(v.Data, w.filter.attributes())
	if event := eventFor(w.filter, now, attributes{}, true); event != "" {
		c.sendFiltered(ctx, w.target, v, event)
	}
}

// wait waits for the turns that are not there yet, in the order of their times.
func (c *change) wait(ctx context.Context) {
	slices.SortFunc(c.waits, func(a, b waiting) int { return a.due.Compare(b.due) })
	for _, w := range c.waits {
		if err := sleep(ctx, time.Until(w.due)); err != nil {
			c.fail(err)
			return
		}
		c.take(ctx, w)
	}
}

// sleep waits, unless the context ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// attributes returns the names of the attributes that the filter names.
func (f filter) attributes() []string {
	names := make([]string, 0, len(f.conditions)+len(f.changes))
	for _, c := range f.conditions {
		names = append(names, c.attribute)
	}
	return append(names, f.changes...)
}
