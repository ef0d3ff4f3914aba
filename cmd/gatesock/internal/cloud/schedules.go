package cloud

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/api"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/queue"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// schedulerEvent is the detail type of the event of a schedule.
const schedulerEvent = "Scheduled Event"

// ErrUnknown means that the project has no schedule or queue of that name.
var ErrUnknown = errors.New("cloud: the project has no resource of that name")

// unknown is an ErrUnknown that says what there is not.
type unknown struct{ text string }

func (e unknown) Error() string { return e.text }

func (unknown) Is(target error) bool { return target == ErrUnknown }

// startSchedules lets the rules with a schedule fire in their time.
func (c *Cloud) startSchedules() {
	for _, r := range c.rules {
		if r.schedule != nil && !r.Disabled {
			c.await(r, c.clock.Now())
		}
	}
}

// await lets a rule fire when it is due next after a time, and so on. It fires in the call of the
// clock: one that is moved ahead passes no time before the targets have the event of that time.
func (c *Cloud) await(r *rule, after time.Time) {
	due := r.schedule.Next(after)
	if due.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	r.timer = c.clock.AfterFunc(due.Sub(c.clock.Now()), func() {
		c.do(func(ctx context.Context) { _ = c.fire(ctx, r, due) }) // it logs its errors
		c.await(r, due)
	})
}

// do calls f, which Close waits for. After Close it does nothing.
func (c *Cloud) do(f func(ctx context.Context)) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.running.Add(1)
	c.mu.Unlock()
	defer c.running.Done()
	f(c.ctx)
}

// stopSchedules drops what is not due yet. The mutex must be held, and closed be set.
func (c *Cloud) stopSchedules() {
	for _, r := range c.rules {
		if r.timer != nil {
			r.timer.Stop()
		}
	}
}

// Schedules returns the rules with a schedule that can fire, in the order of the project. The
// caller must not change them.
func (c *Cloud) Schedules() []*project.Rule {
	var all []*project.Rule
	for _, r := range c.rules {
		if r.schedule != nil {
			all = append(all, r.Rule)
		}
	}
	return all
}

// Fire lets a rule with a schedule fire now, whatever its schedule says and even if it is disabled,
// and returns when its targets have the event. The ID is that of a [project.Rule], or its name. The
// error names the targets that have not taken it; it is [ErrUnknown] without such a rule.
func (c *Cloud) Fire(ctx context.Context, ruleID string) error {
	for _, same := range []func(r *rule) bool{
		func(r *rule) bool { return r.ID == ruleID }, func(r *rule) bool { return r.Name == ruleID },
	} {
		i := slices.IndexFunc(c.rules, func(r *rule) bool { return r.schedule != nil && same(r) })
		if i >= 0 {
			return c.fire(ctx, c.rules[i], c.clock.Now())
		}
	}
	return unknown{"cloud: the project has no schedule " + strconv.Quote(ruleID)}
}

// Send sends a message to a queue by its logical id, name, ARN or URL. The group is that of a FIFO
// queue; an empty one is "default" there. Messages with the same body are different ones. The error
// is what SQS would say; it is [ErrUnknown] without such a queue.
func (c *Cloud) Send(name, body, group string) error {
	for _, q := range c.cfg.Project.Queues {
		if q.ID == name && !c.queues.Exists(name) {
			name = q.Name
		}
	}
	if !c.queues.Exists(name) {
		return unknown{"cloud: the project has no queue " + strconv.Quote(name)}
	}
	message := queue.Send{Body: body, GroupID: group}
	if strings.HasSuffix(name, ".fifo") {
		message.GroupID, message.DedupeID = cmp.Or(group, "default"), api.NewID()
	}
	_, err := c.queues.Send(name, message)
	return err
}

// fire sends the event of a schedule to its targets. EventBridge Scheduler sends them their input
// alone; without one it has an event, too.
func (c *Cloud) fire(ctx context.Context, r *rule, at time.Time) error {
	source, detail := "aws.events", any(map[string]any{})
	if service, _ := splitARN(r.ARN); service == "scheduler" {
		source, detail = "aws.scheduler", "{}"
	}
	event := c.event(schedulerEvent, source, at, []string{r.ARN}, detail)
	var failed []error
	for _, t := range r.Targets {
		failed = append(failed, c.deliverEvent(ctx, KindSchedule, r, t, event, 0))
	}
	return errors.Join(failed...)
}
