package plan_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

// silent is a logger for failures that a test wants.
func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// noon is a Tuesday.
func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

// limited is the application of echo behind limits, whose options may name its routes.
func limited(l *plan.Limiter, by ratelimit.KeyFunc, o ratelimit.MiddlewareOptions) *gatesock.Router {
	r := echo()
	o.Router = r
	r.Use(l.Middleware(by, o))
	return r
}

// bucketsOnly is a store that counts no quotas.
type bucketsOnly struct{ ratelimit.Store }

// hangUp is a gateway that is known later.
type hangUp struct {
	of func(context.Context, gatesock.Target) error
}

func (h *hangUp) Disconnect(ctx context.Context, to gatesock.Target) error { return h.of(ctx, to) }
