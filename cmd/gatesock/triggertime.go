package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/trigger"
)

// skipTrigger puts the clock forward.
type skipTrigger struct {
	Duration time.Duration `arg:"" help:"By how much, such as 9m, 90s or 2h."`
}

// Help is shown below the summary.
func (skipTrigger) Help() string {
	return `It returns when what was due on the way has happened, each at its own time: connections that are idle or
too old have ended, schedules have fired, messages of queues are visible.

    gatesock trigger skip 9m
    gatesock trigger skip 2h

The clock is that of the gateway, the queues and the schedules. Functions that run as processes, as
those of gatesock dev do, keep the machine's clock, and so do tables.`
}

// Run puts the clock forward.
func (c *skipTrigger) Run(ctx context.Context, a *actor) error {
	if c.Duration <= 0 {
		return misuse{fmt.Errorf("%v: want a time ahead, such as 9m", c.Duration)}
	}
	defer a.close()
	if err := a.open(ctx); err != nil {
		return err
	}
	moved, err := a.bench.Advance(ctx, c.Duration)
	if err != nil {
		return explained(err)
	}
	if a.state.FunctionsClock == "machine" && !a.c.JSON {
		a.say("functions keep the machine's clock")
	}
	ahead := time.Duration(moved.OffsetMs) * time.Millisecond
	return a.done(triggered{Did: "skip", Now: moved.Now.Format(time.RFC3339Nano), OffsetMs: &moved.OffsetMs},
		"it is %s, %v ahead of the machine", moved.Now.Local().Format("2006-01-02 15:04:05"), ahead.Round(time.Second))
}

// scheduleTrigger fires a schedule.
type scheduleTrigger struct {
	Name string `arg:"" help:"The schedule, as gatesock trigger list shows it."`
}

// Run fires the schedule.
func (c *scheduleTrigger) Run(ctx context.Context, a *actor) error {
	defer a.close()
	if err := a.open(ctx); err != nil {
		return err
	}
	id := c.Name
	names := make([]string, len(a.state.Schedules))
	for i, s := range a.state.Schedules {
		if names[i] = s.Name; s.Name == c.Name {
			id = s.ID
		}
	}
	if err := a.bench.Fire(ctx, id); err != nil {
		return missing(err, "schedule", c.Name, names)
	}
	return a.done(triggered{Did: "schedule", Schedule: c.Name}, "the schedule %s fired", c.Name)
}

// missing returns the error for a schedule or a queue that there may not be.
func missing(err error, what, name string, names []string) error {
	var refusal *trigger.Refusal
	if !errors.As(err, &refusal) || refusal.Code != http.StatusNotFound {
		return explained(err)
	}
	if len(names) == 0 {
		return fmt.Errorf("there is no %s %s: the program has none", what, clean(name))
	}
	return fmt.Errorf("there is no %s %s: want %s", what, clean(name), oneOf(names))
}

// queueTrigger sends a message to a queue.
type queueTrigger struct {
	Group string `placeholder:"NAME" help:"The message group, for a FIFO queue."`
	Name  string `arg:"" help:"The queue, as gatesock trigger list shows it."`
	Body  string `arg:"" help:"The message, or - for standard input."`
}

// Run sends the message.
func (c *queueTrigger) Run(ctx context.Context, a *actor) error {
	data, err := dataOf(c.Body, a.in)
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.open(ctx); err != nil {
		return err
	}
	if err := a.bench.SendMessage(ctx, c.Name, string(data), c.Group); err != nil {
		names := make([]string, len(a.state.Queues))
		for i, q := range a.state.Queues {
			names[i] = q.Name
		}
		return missing(err, "queue", c.Name, names)
	}
	return a.done(triggered{Did: "queue", Queue: c.Name}, "the queue %s got a message of %s", c.Name, count(len(data), "byte"))
}

// listTrigger shows what there is.
type listTrigger struct{}

// Run shows it.
func (*listTrigger) Run(ctx context.Context, a *actor) error {
	defer a.close()
	if err := a.open(ctx); err != nil {
		return err
	}
	connections, err := a.connections(ctx)
	if err != nil {
		return err
	}
	connections = onlyOpen(connections)
	if a.c.JSON {
		return a.out.object(struct {
			trigger.State
			Seed        string               `json:"seed"`
			Connections []trigger.Connection `json:"connections"`
		}{a.state, a.state.Seed, connections})
	}
	for _, table := range [][][]string{
		overviewRows(a.state), stageRows(a.state.Stages), connectionRows(connections), faultRows(a.state.Faults),
		scheduleRows(a.state.Schedules), queueRows(a.state.Queues),
	} {
		if len(table) == 0 {
			continue
		}
		if err := a.out.rows(append(table, nil)); err != nil {
			return err
		}
	}
	if a.state.SourcesError != "" {
		a.say("%s", a.state.SourcesError)
	}
	return nil
}

func overviewRows(s trigger.State) [][]string {
	now := s.Now.Local().Format("2006-01-02 15:04:05")
	if ahead := s.Offset(); ahead != 0 {
		now += ", " + ahead.Round(time.Second).String() + " ahead of the machine"
	}
	return [][]string{{"Program", s.Name}, {"Seed", s.Seed}, {"Time", now}}
}

func stageRows(all []trigger.Stage) [][]string {
	rows := [][]string{{"STAGE", "ADDRESS", "AUTHORIZER"}}
	for _, s := range all {
		authorizer := ""
		if s.Authorizer {
			authorizer = "yes"
		}
		rows = append(rows, []string{s.Name, s.URL, authorizer})
	}
	return ifAny(rows)
}

func connectionRows(all []trigger.Connection) [][]string {
	rows := [][]string{{"CONNECTION", "ID", "STAGE", "USER", "SINCE", "GROUPS"}}
	for _, c := range all {
		rows = append(rows, []string{
			nameOfConnection(c), c.ID, c.Stage, c.User, c.Since.Local().Format("15:04:05"), strings.Join(c.Groups, " "),
		})
	}
	return ifAny(rows)
}

func faultRows(all []trigger.Fault) [][]string {
	rows := [][]string{{"FAULT", "STAGE", "HAPPENED", "WHAT"}}
	for _, f := range all {
		rows = append(rows, []string{f.ID, f.Stage, fmt.Sprint(f.Happened), f.Text})
	}
	return ifAny(rows)
}

func scheduleRows(all []trigger.Schedule) [][]string {
	rows := [][]string{{"SCHEDULE", "WHEN", "TARGET"}}
	for _, s := range all {
		rows = append(rows, []string{s.Name, s.Expression, s.Target})
	}
	return ifAny(rows)
}

func queueRows(all []trigger.Queue) [][]string {
	rows := [][]string{{"QUEUE"}}
	for _, q := range all {
		rows = append(rows, []string{q.Name})
	}
	return ifAny(rows)
}

// ifAny returns a table that has more than its heading, or nil.
func ifAny(rows [][]string) [][]string {
	if len(rows) == 1 {
		return nil
	}
	return rows
}
