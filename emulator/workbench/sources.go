package workbench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// Sources are what calls functions of the program besides the WebSocket API. Its methods are called
// concurrently.
type Sources interface {
	// Schedules returns the schedules.
	Schedules(ctx context.Context) []Schedule
	// FireSchedule makes a schedule happen now. It need not wait for the function. The error matches
	// [ErrUnknown] if there is no such schedule.
	FireSchedule(ctx context.Context, id string) error
	// Queues returns the queues.
	Queues(ctx context.Context) []Queue
	// SendMessage sends a message to a queue. The group is that of a FIFO queue, otherwise "". The
	// error matches [ErrUnknown] if there is no such queue.
	SendMessage(ctx context.Context, queue, body, group string) error
}

// Schedule is something that calls a function from time to time.
type Schedule struct {
	// ID names the schedule for [Sources].
	ID string `json:"id"`
	// Name is what people call it.
	Name string `json:"name"`
	// Expression is when it happens, such as "rate(1 minute)".
	Expression string `json:"expression"`
	// Target is what it calls.
	Target string `json:"target"`
}

// Queue is a queue whose messages a function gets.
type Queue struct {
	// Name names the queue for [Sources].
	Name string `json:"name"`
	// URL and ARN are its address and resource name, if it has them.
	URL string `json:"url,omitempty"`
	ARN string `json:"arn,omitempty"`
}

// ErrUnknown is the error of [Sources] for a name that they do not have.
var ErrUnknown = errors.New("workbench: unknown")

// sources returns what there is, or an error if the program does not say so in time.
func (b *Workbench) sources(ctx context.Context) ([]Schedule, []Queue, error) {
	schedules := append([]Schedule{}, b.cfg.Sources.Schedules(ctx)...)
	queues := append([]Queue{}, b.cfg.Sources.Queues(ctx)...)
	if ctx.Err() != nil {
		return schedules, queues, fmt.Errorf("the program did not list its schedules and queues within %v", sourcesTimeout)
	}
	return schedules, queues, nil
}

// postSchedule makes a schedule happen.
func (b *Workbench) postSchedule(r *http.Request) (int, any, error) {
	id := r.PathValue("id")
	if b.cfg.Sources == nil {
		return 0, nil, failure(http.StatusNotFound, "The program has no schedules.")
	}
	known := slices.ContainsFunc(b.cfg.Sources.Schedules(r.Context()), func(s Schedule) bool { return s.ID == id })
	if !known {
		return 0, nil, unknown("schedule", id)
	}
	b.add(&Entry{Kind: entry.Schedule, Text: id, By: b.who(r)})
	return triggered("schedule", id, b.cfg.Sources.FireSchedule(context.WithoutCancel(r.Context()), id))
}

// postQueue sends a message to a queue.
func (b *Workbench) postQueue(r *http.Request) (int, any, error) {
	name := r.PathValue("name")
	if b.cfg.Sources == nil {
		return 0, nil, failure(http.StatusNotFound, "The program has no queues.")
	}
	var in struct {
		Body  *string `json:"body"`
		Group string  `json:"group"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	if in.Body == nil {
		return 0, nil, failure(http.StatusBadRequest, "body: missing; want a text.")
	}
	known := slices.ContainsFunc(b.cfg.Sources.Queues(r.Context()), func(q Queue) bool { return q.Name == name })
	if !known {
		return 0, nil, unknown("queue", name)
	}
	e := &Entry{Kind: entry.Queue, Text: name, By: b.who(r), Bytes: len(*in.Body)}
	setBody(e, []byte(*in.Body))
	b.add(e)
	return triggered("queue", name, b.cfg.Sources.SendMessage(context.WithoutCancel(r.Context()), name, *in.Body, in.Group))
}

// unknown is the error of a request for a source that the program does not have.
func unknown(what, name string) error {
	return failure(http.StatusNotFound, "There is no %s %.60q. GET %sapi/state lists them.", what, name, path)
}

// triggered answers a request after a source was called. The entry comes before, so that what it
// causes follows it.
func triggered(what, name string, err error) (int, any, error) {
	switch {
	case errors.Is(err, ErrUnknown): // gone since it was listed
		return 0, nil, unknown(what, name)
	case err != nil:
		return 0, nil, failure(http.StatusBadGateway, "The %s %.60q: %v.", what, name, err)
	}
	return http.StatusAccepted, struct{}{}, nil
}

// maxAdvance is the longest move of the clock: more than any timeout of the gateway, and little
// enough for schedules that happen each minute.
const maxAdvance = 366 * 24 * time.Hour

// postClock moves the clock, and answers when what was due on the way has happened.
func (b *Workbench) postClock(r *http.Request) (int, any, error) {
	var in struct {
		Advance string `json:"advance"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	d, err := time.ParseDuration(in.Advance)
	if err != nil || d.Abs() > maxAdvance || d == 0 {
		return 0, nil, failure(http.StatusBadRequest,
			`advance: %.40q: want a duration such as "9m" or "1h30m", at most %v.`, in.Advance, maxAdvance)
	}
	b.add(&Entry{Kind: entry.Clock, AdvanceMs: milliseconds(d), Text: d.String(), By: b.who(r)})
	b.clock.Advance(d)
	b.changed()
	return http.StatusOK, struct {
		Now      time.Time `json:"now"`
		OffsetMs int64     `json:"offsetMs"`
	}{b.clock.Now().UTC().Truncate(time.Millisecond), b.clock.Offset().Milliseconds()}, nil
}
