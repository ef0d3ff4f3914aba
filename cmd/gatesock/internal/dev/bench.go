package dev

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
	"github.com/gatesock/gatesock/emulator/workbench"
)

// openBench makes the workbench of an application, which the key names, with a token that is kept.
// The functions are processes, which have the machine's clock.
func (s *supervisor) openBench(key string) error {
	token, err := keepToken(s.o.Cache, key)
	if err != nil {
		return err
	}
	s.bench, err = workbench.New(workbench.Config{
		Name: s.source.name(s.o.Folder), Seed: s.o.Seed, Token: token, Members: s.services.members,
		Sources: sources{s.services}, MachineClock: true,
	})
	return err
}

// publish says to other commands what runs, at the address of the first API, until the function
// that it returns is called.
func (s *supervisor) publish(key, host string) (unpublish func(), err error) {
	r := Running{PID: os.Getpid(), Source: key, Folder: s.source.folder, From: s.o.Folder}
	if s.source.pkg != "" && filepath.IsAbs(s.source.pkg) {
		r.Folder = s.source.pkg
	}
	r.Workbench = s.bench.URL("http://" + host)
	if s.o.TLS {
		r.Workbench = s.bench.URL("https://" + host)
	}
	if err := r.publish(s.o.Cache); err != nil {
		return nil, fmt.Errorf("cannot say to other commands what runs: %w", err)
	}
	return func() { r.unpublish(s.o.Cache) }, nil
}

// stageOf returns the stage of the workbench for a gateway, whose name stays what it was at first.
func (s *supervisor) stageOf(server *apiServer, label, id, name string) *workbench.Stage {
	if stage, ok := server.stages[name]; ok {
		return stage
	}
	shown := name
	if label != "" {
		shown = label + "/" + name
	}
	for _, other := range s.apis {
		for _, stage := range other.stages {
			if stage.Name() == shown {
				shown = id + "/" + name
			}
		}
	}
	stage := s.bench.Stage(shown)
	server.stages[name] = stage
	return stage
}

// line shows a line of a function.
func (s *supervisor) line(function string, l runtimeapi.Line) {
	s.tails.add(function, l)
	s.out.Line(function, l)
	from := origin{}
	if l.RequestID != "" {
		from = s.requests.of(l.RequestID)
	}
	s.bench.Log(workbench.Line{
		Level: levelOf(l), Function: function, ConnectionID: from.connection, RequestID: from.request,
		Text: l.Text, Late: l.Late,
	})
}

// levelOf returns the level of a line, if it says so: in the member "level" of an object, or as
// Lambda's Node.js writes lines, with tabs between a time, the request, the level and the text.
func levelOf(l runtimeapi.Line) string {
	switch {
	case l.Stream == runtimeapi.Platform:
		return "WARN"
	case l.JSON:
		var fields struct{ Level json.RawMessage }
		var level string
		if json.Unmarshal([]byte(l.Text), &fields) == nil && json.Unmarshal(fields.Level, &level) == nil {
			return strings.ToUpper(level)
		}
	}
	if fields := strings.SplitN(l.Text, "\t", 4); len(fields) == 4 && slices.Contains([]string{
		"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL",
	}, fields[2]) {
		return fields[2]
	}
	return ""
}

// besideAPI shows what happened beside the API.
func (s *supervisor) besideAPI(e cloud.Event) {
	s.out.Cloud(e)
	s.bench.Note(e.Kind, cloudNote(e))
}

// cloudNote returns a sentence on what happened beside the API, without how long it took.
func cloudNote(e cloud.Event) string {
	if e.Attempts == 0 {
		return cmp.Or(e.Text, e.Source+" "+e.Target)
	}
	records, attempt := cloudCounts(e)
	failed := ""
	if e.Err != nil {
		failed = "failed: " + plainError(e.Err)
	}
	return spaced(cloudWay(e), records, attempt, failed)
}

// sources are the schedules and the queues of the application, as it is now.
type sources struct{ of *services }

// Schedules returns the schedules.
func (s sources) Schedules(context.Context) (all []workbench.Schedule) {
	c := s.of.current()
	if c == nil {
		return nil
	}
	for _, r := range c.Schedules() {
		var targets []string
		for _, t := range r.Targets {
			targets = append(targets, shortARN(t.ARN))
		}
		expression := r.Schedule
		if r.Disabled {
			expression += ", disabled"
		}
		all = append(all, workbench.Schedule{
			ID: r.ID, Name: r.Name, Expression: expression, Target: strings.Join(targets, ", "),
		})
	}
	return all
}

// FireSchedule fires a schedule.
func (s sources) FireSchedule(ctx context.Context, id string) error {
	c := s.of.current()
	if c == nil {
		return workbench.ErrUnknown
	}
	return known(c.Fire(ctx, id))
}

// Queues returns the queues.
func (s sources) Queues(context.Context) (all []workbench.Queue) {
	c := s.of.current()
	if c == nil {
		return nil
	}
	for _, q := range c.Project().Queues {
		all = append(all, workbench.Queue{Name: q.Name, URL: q.URL, ARN: q.ARN})
	}
	return all
}

// SendMessage sends a message to a queue.
func (s sources) SendMessage(_ context.Context, queue, body, group string) error {
	c := s.of.current()
	if c == nil {
		return workbench.ErrUnknown
	}
	return known(c.Send(queue, body, group))
}

// known returns an error of the cloud as the workbench knows it.
func known(err error) error {
	if errors.Is(err, cloud.ErrUnknown) {
		return fmt.Errorf("%w: %w", workbench.ErrUnknown, err)
	}
	return err
}

// members returns the user and the groups of a connection, if a table of the application has its
// record.
func (s *services) members(ctx context.Context, id string) (user string, groups []string, err error) {
	if c := s.current(); c != nil {
		return c.Members(ctx, id)
	}
	return "", nil, nil
}
