package iot

import (
	"context"
	"log/slog"

	"github.com/gatesock/gatesock/ratelimit"
)

// limits are the limits of readings; nil means no limit.
type limits struct{ device, tenant *ratelimit.Limiter }

// newLimits returns limits whose failures let readings pass. That of a tenant is in memory: on a
// table, a bucket that all of its devices share would be too busy.
func newLimits(store ratelimit.Store, s settings) (l limits) {
	if s.deviceLimit != (ratelimit.Limit{}) {
		l.device = ratelimit.New(store, "readings", s.deviceLimit, ratelimit.FailOpen)
	}
	if s.tenantLimit != (ratelimit.Limit{}) {
		memory := ratelimit.NewMemory(ratelimit.WithClock(s.now))
		l.tenant = ratelimit.New(memory, "tenants", s.tenantLimit, ratelimit.FailOpen)
	}
	return l
}

// pass returns how many of n readings of a device pass both limits.
func (l limits) pass(ctx context.Context, tenant, device string, n int) int {
	return take(ctx, l.device, tenant+"/"+device, take(ctx, l.tenant, tenant, n))
}

// take takes up to n tokens from a key, and returns how many.
func take(ctx context.Context, l *ratelimit.Limiter, key string, n int) int {
	if l == nil || n == 0 {
		return n
	}
	for {
		d, err := l.Allow(ctx, key, n)
		switch {
		case err != nil:
			slog.WarnContext(ctx, "iot: a limit", "key", key, "error", err)
			return 0
		case d.Allowed:
			return n
		case d.Remaining <= 0 || d.Remaining >= n:
			return 0
		}
		n = d.Remaining
	}
}
