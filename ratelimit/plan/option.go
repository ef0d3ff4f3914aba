package plan

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/gatesock/gatesock/ratelimit"
)

// Option is an option of [NewLimiter].
type Option interface{ apply(l *Limiter) }

type option func(*Limiter)

func (o option) apply(l *Limiter) { o(l) }

// WithQuotaStore sets where quotas are counted. The default is the store of the buckets, if that
// is a [ratelimit.QuotaStore]: a [ratelimit.Memory] is one, and so is the DynamoDB store. It
// panics if s is nil.
func WithQuotaStore(s ratelimit.QuotaStore) Option {
	if s == nil {
		panic("plan: WithQuotaStore: s must not be nil")
	}
	return option(func(l *Limiter) { l.quotas = s })
}

// WithBatchSize sets how many units of a quota a process takes from the store at once, as
// [ratelimit.WithBatchSize] does. The default is 1.
func WithBatchSize(k int) Option {
	if k < 1 {
		panic(fmt.Sprintf("plan: WithBatchSize: k is %d, must be positive", k))
	}
	o := ratelimit.WithBatchSize(k)
	return option(func(l *Limiter) { l.quotaOptions = append(l.quotaOptions, o) })
}

// WithCacheTTL sets for how long a process uses a plan before it reads the plan again. The
// default is one minute. It panics unless ttl is positive.
func WithCacheTTL(ttl time.Duration) Option {
	if ttl <= 0 {
		panic(fmt.Sprintf("plan: WithCacheTTL: %v must be positive", ttl))
	}
	return option(func(l *Limiter) { l.ttl = ttl })
}

// WithTimeout sets how long reading a plan may take, since a client's message waits for it. The
// default is one second. It panics unless d is positive.
func WithTimeout(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("plan: WithTimeout: %v must be positive", d))
	}
	return option(func(l *Limiter) { l.timeout = d })
}

// WithClock sets the clock of the cache and of the quotas' periods. The default is [time.Now]. It
// panics if now is nil.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("plan: WithClock: now must not be nil")
	}
	o := ratelimit.WithClock(now)
	return option(func(l *Limiter) {
		l.now = now
		l.quotaOptions = append(l.quotaOptions, o)
	})
}

// WithLogger sets the logger for failures, and for the names of plans that do not exist, once for
// each time that they are looked up. The default is [slog.Default] at that time. It panics if l
// is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("plan: WithLogger: l must not be nil")
	}
	o := ratelimit.WithLogger(l)
	return option(func(limiter *Limiter) {
		limiter.log = l
		limiter.bucketOptions = append(limiter.bucketOptions, o)
		limiter.quotaOptions = append(limiter.quotaOptions, o)
	})
}
