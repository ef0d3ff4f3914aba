package metering_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatesock/gatesock"
)

// silent is a logger for failures that a test wants.
func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// noon is a Tuesday.
func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The defaults of a Meter.
const (
	flushEvery   = 10 * time.Second
	maxPending   = 100
	flushTimeout = 3 * time.Second
)

// echo is an application with one route, behind middleware.
func echo(use ...gatesock.Middleware) *gatesock.Router {
	r := gatesock.New(gatesock.WithLogger(silent()))
	r.Use(use...)
	nothing := func(context.Context, *gatesock.Request, struct{}) error { return nil }
	gatesock.Handle(r, "say", nothing)
	gatesock.Handle(r, "export", nothing)
	r.OnDefault(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		return nil, gatesock.Errorf(gatesock.CodeNotFound, "unknown")
	})
	return r
}
