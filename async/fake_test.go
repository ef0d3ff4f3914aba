package async_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/wstest"
)

type (
	ctx     = context.Context
	request = gatesock.Request
)

// sum is the input and the result of the handlers of these tests.
type sum struct {
	A int `json:"a"`
	B int `json:"b"`
}

func (s sum) Validate() error {
	if s.A < 0 {
		return gatesock.Errorf(gatesock.CodeInvalidArgument, "a must not be negative")
	}
	return nil
}

type total struct {
	Total int `json:"total"`
}

// app is an application with a queue in memory.
type app struct {
	router   *gatesock.Router
	queue    *async.MemoryQueue
	jobs     *async.Jobs
	recorder *wstest.Recorder
	outcomes async.Outcomes
	log      *logged
}

func newApp(t *testing.T, routerOpts []gatesock.Option, opts ...async.Option) *app {
	t.Helper()
	a := &app{
		recorder: wstest.NewRecorder(), outcomes: async.NewMemoryOutcomes(), log: &logged{},
	}
	a.queue = async.NewMemoryQueue(async.WithLogger(a.log.logger()))
	a.router = gatesock.New(append([]gatesock.Option{gatesock.WithLogger(a.log.logger())}, routerOpts...)...)
	a.router.Use(gatesock.Recover())
	opts = append([]async.Option{async.WithLogger(a.log.logger())}, opts...)
	a.jobs = async.New(a.queue, a.recorder, a.outcomes, opts...)
	return a
}

// start returns a harness of the application.
func (a *app) start(t *testing.T) *wstest.Harness {
	t.Helper()
	return wstest.New(t, a.router, wstest.WithPoster(a.recorder))
}

// drain runs all jobs.
func (a *app) drain(t *testing.T) {
	t.Helper()
	a.queue.Drain(t.Context(), a.jobs)
}

// logged keeps what is logged.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
