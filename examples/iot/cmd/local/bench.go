package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock/emulator/workbench"
	"github.com/gatesock/gatesock/observe"
)

// openBench makes the workbench, which also has what the app logs.
func (s *server) openBench() (err error) {
	s.bench, err = workbench.New(workbench.Config{
		Name: "iot", MachineClock: true, Sources: schedules{s},
		Members: func(ctx context.Context, id string) (string, []string, error) { return s.app.Members(ctx, id) },
		Test: workbench.TestTemplate{
			Package: "iot_test", Imports: []string{"github.com/gatesock/gatesock/examples/iot"},
			New: "iot.NewInMemory(rec, iot.WithClock(clock.Now)).Handler()", Schedule: "fire",
		},
	})
	if err == nil {
		slog.SetDefault(slog.New(s.bench.LogHandler(observe.NewLogHandler(os.Stderr, nil))))
	}
	return err
}

// schedules are what the workbench can fire.
type schedules struct{ s *server }

// Schedules returns the schedule "watch".
func (schedules) Schedules(context.Context) []workbench.Schedule {
	return []workbench.Schedule{{ID: "watch", Name: "watch", Expression: "every " + watchEvery.String(), Target: "Watch"}}
}

// FireSchedule fires the schedule "watch".
func (w schedules) FireSchedule(ctx context.Context, id string) error {
	if id != "watch" {
		return workbench.ErrUnknown
	}
	return w.s.fireWatch(ctx)
}

// Queues returns nothing: the app has none.
func (schedules) Queues(context.Context) []workbench.Queue { return nil }

// SendMessage knows no queue.
func (schedules) SendMessage(context.Context, string, string, string) error {
	return workbench.ErrUnknown
}

// noting returns a handler of MQTT messages whose events are notes of the timeline.
func (s *server) noting(next lambda.Handler) lambda.Handler { return noted{s.bench, next} }

// noted notes events before they are handled.
type noted struct {
	bench   *workbench.Workbench
	handler lambda.Handler
}

// Invoke notes a message, and handles it.
func (n noted) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	const longest = 300
	n.bench.Note("mqtt", string(event[:min(len(event), longest)]))
	return n.handler.Invoke(ctx, event)
}
