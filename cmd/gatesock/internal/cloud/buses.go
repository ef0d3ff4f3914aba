package cloud

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/api"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/pattern"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/queue"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/schedule"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/emulator"
)

const (
	defaultBus    = "default"
	maxPutEntries = 10
	maxPutSize    = 1 << 20
	maxHops       = 3 // of an event from bus to bus
)

func (c *Cloud) serveBuses() {
	c.events = &api.Service{
		Name: "events", JSON: "1.1", Refused: c.refused,
		Operations: map[string]api.Operation{"PutEvents": api.Op(c.putEvents)},
	}
}

// rule is a rule whose pattern or schedule has been read.
type rule struct {
	*project.Rule
	pattern  *pattern.Pattern
	schedule schedule.Schedule
	timer    emulator.Timer // of the schedule; Cloud.mu guards it
}

// readRules reads the rules. One that is wrong is told, and left out.
func (c *Cloud) readRules() {
	for i := range c.cfg.Project.Rules {
		r := &rule{Rule: &c.cfg.Project.Rules[i]}
		if err := r.read(); err != nil {
			c.notice("the rule " + r.ID + " does nothing: " + err.Error())
			continue
		}
		for _, t := range r.Targets {
			if err := c.reachable(t.ARN); err != nil {
				c.notice("the rule " + r.ID + ": " + err.Error())
			}
		}
		c.rules = append(c.rules, r)
	}
}

func (r *rule) read() (err error) {
	if len(r.Pattern) > 0 {
		if r.pattern, err = pattern.Compile(r.Pattern, pattern.Options{}); err != nil {
			return err
		}
	}
	if r.Schedule != "" {
		r.schedule, err = schedule.Parse(r.Schedule, r.Timezone)
	}
	return err
}

// event returns an event of a bus.
func (c *Cloud) event(detailType, source string, at time.Time, resources []string, detail any) map[string]any {
	if resources == nil {
		resources = []string{}
	}
	event := map[string]any{
		"version": "0", "id": api.NewID(), "detail-type": detailType, "source": source, "account": c.cfg.Project.AccountID,
		"time": at.UTC().Format("2006-01-02T15:04:05Z"), "region": c.cfg.Project.Region, "resources": resources, "detail": detail,
	}
	return asDecoded(event)
}

// asDecoded returns an event in the form that patterns and paths take.
func asDecoded(event map[string]any) map[string]any {
	v, err := pattern.Decode(mustJSON(event))
	if err != nil {
		panic(err) // it was just marshaled
	}
	return v.(map[string]any)
}

type putEventsIn struct{ Entries []putEntry }

type putEntry struct {
	Source, DetailType, Detail, EventBusName, TraceHeader string
	Resources                                             []string
	Time                                                  *float64
}

type putEventsOut struct {
	FailedEntryCount int
	Entries          []putResult
}

type putResult struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

func (c *Cloud) putEvents(ctx context.Context, in *putEventsIn) (*putEventsOut, error) {
	size := 0
	for _, e := range in.Entries {
		size += len(e.Source) + len(e.DetailType) + len(e.Detail) + len(strings.Join(e.Resources, ""))
	}
	switch {
	case len(in.Entries) == 0 || len(in.Entries) > maxPutEntries:
		return nil, api.Errorf("ValidationException", "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and %d, not %d", maxPutEntries, len(in.Entries))
	case size > maxPutSize:
		return nil, api.Errorf("ValidationException", "Total size of the entries in the request is over the limit.")
	}
	out := new(putEventsOut)
	for _, e := range in.Entries {
		id, err := c.putEvent(ctx, e)
		result := putResult{EventID: id}
		var refusal *api.Error
		if errors.As(err, &refusal) {
			result = putResult{ErrorCode: refusal.Code, ErrorMessage: refusal.Message}
			out.FailedEntryCount++
		}
		out.Entries = append(out.Entries, result)
	}
	return out, nil
}

func (c *Cloud) putEvent(ctx context.Context, e putEntry) (id string, err error) {
	for name, value := range map[string]string{"Source": e.Source, "DetailType": e.DetailType, "Detail": e.Detail} {
		if value == "" {
			return "", api.Errorf("InvalidArgument", "Parameter %s is not valid. Reason: %s is a required argument.", name, name)
		}
	}
	detail, err := pattern.Decode([]byte(e.Detail))
	if _, object := detail.(map[string]any); err != nil || !object {
		return "", api.Errorf("MalformedDetail", "Detail is malformed.")
	}
	bus := busName(e.EventBusName)
	if !c.hasBus(bus) {
		return "", api.Errorf("ResourceNotFoundException", "Event bus %s does not exist: the project has none of that name.", bus)
	}
	at := c.clock.Now()
	if e.Time != nil {
		at = time.UnixMilli(int64(*e.Time * 1000))
	}
	event := c.event(e.DetailType, e.Source, at, e.Resources, detail)
	c.route(ctx, bus, event, 0)
	return event["id"].(string), nil
}

// busName returns the name of a bus from its name or ARN.
func busName(ref string) string {
	if _, resource := splitARN(ref); resource != "" {
		ref = strings.TrimPrefix(resource, "event-bus/")
	}
	if ref == "" {
		return defaultBus
	}
	return ref
}

func (c *Cloud) hasBus(name string) bool {
	named := func(b project.Bus) bool { return b.Name == name }
	return name == defaultBus || slices.ContainsFunc(c.cfg.Project.Buses, named)
}

// putParcel puts the outcome of a function on a bus.
func (c *Cloud) putParcel(ctx context.Context, bus string, p parcel) error {
	if !c.hasBus(busName(bus)) {
		return fmt.Errorf("%w: the bus %s", errNoTarget, bus)
	}
	detail, err := pattern.Decode(p.body)
	if err != nil {
		return err
	}
	c.route(ctx, busName(bus), c.event(p.detailType, p.source, c.clock.Now(), p.resources, detail), 0)
	return nil
}

// route sends an event to the targets of the rules of a bus that match.
func (c *Cloud) route(ctx context.Context, bus string, event map[string]any, hops int) {
	matched := false
	for _, r := range c.rules {
		if r.pattern == nil || r.Disabled || busName(r.Bus) != bus || !r.pattern.Match(event) {
			continue
		}
		matched = true
		for _, t := range r.Targets {
			_ = c.deliverEvent(ctx, KindRule, r, t, event, hops) // it logs the error
		}
	}
	if !matched {
		c.log(Event{
			Kind: KindRule, Source: bus,
			Text: fmt.Sprintf("no rule of the bus %s takes the event %s %q", bus, event["source"], event["detail-type"]),
		})
	}
}

// deliverEvent sends an event to a target, as its inputs have it. What a target of this machine
// refuses, it refuses again: nothing is tried twice, and the event goes to the dead-letter queue.
func (c *Cloud) deliverEvent(
	ctx context.Context, kind string, r *rule, t project.RuleTarget, event map[string]any, hops int,
) error {
	begin := c.clock.Now()
	body, err := c.input(r, t, event)
	if err == nil {
		err = c.give(ctx, t, event, parcel{body: body, group: t.GroupID, source: r.ID}, hops)
	}
	c.log(Event{
		Time: begin, Kind: kind, Source: r.ID, Target: t.ARN, Duration: c.clock.Now().Sub(begin), Err: err, Attempts: 1,
	})
	if err != nil && t.DeadLetter != "" {
		text := func(s string) queue.Attribute { return queue.Attribute{DataType: "String", StringValue: orDash(s)} }
		attributes := map[string]queue.Attribute{
			"RULE_ARN": text(r.ARN), "TARGET_ARN": text(t.ARN),
			"ERROR_CODE": text(deliveryCode(err)), "ERROR_MESSAGE": text(err.Error()),
		}
		letter := parcel{body: mustJSON(event), attributes: attributes}
		c.deliverAndLog(ctx, KindDeadLetter, r.ID, t.DeadLetter, letter)
	}
	return err
}

// deliveryCode returns the code of an error for a dead letter.
func deliveryCode(err error) string {
	var known *api.Error
	switch {
	case errors.Is(err, errNoTarget):
		return "NO_RESOURCE"
	case errors.As(err, &known):
		return known.Code
	}
	return "SDK_CLIENT_ERROR"
}

func (c *Cloud) give(ctx context.Context, t project.RuleTarget, event map[string]any, p parcel, hops int) error {
	service, resource := splitARN(t.ARN)
	if service != "events" || !strings.HasPrefix(resource, "event-bus/") {
		return c.deliver(ctx, t.ARN, p)
	}
	bus := busName(t.ARN)
	switch {
	case !c.hasBus(bus):
		return fmt.Errorf("%w: the bus %s", errNoTarget, bus)
	case hops >= maxHops:
		return fmt.Errorf("the event has gone from bus to bus %d times", hops)
	}
	c.route(ctx, bus, event, hops+1)
	return nil
}

// reachable returns an error if a delivery to an ARN cannot succeed.
func (c *Cloud) reachable(arn string) error {
	found := false
	switch service, _ := splitARN(arn); service {
	case "sqs":
		found = c.queues.Exists(arn)
	case "lambda":
		found = c.cfg.Project.Function(arn) != nil
	case "sns":
		found = c.topic(arn) != nil
	case "events":
		found = c.hasBus(busName(arn))
	default:
		return fmt.Errorf("gatesock dev delivers to queues, topics, functions and buses, not to %s", arn)
	}
	if !found {
		return fmt.Errorf("the project has no %s", arn)
	}
	return nil
}
