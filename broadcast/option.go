package broadcast

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/gatesock/gatesock"
)

// The defaults of [New].
const (
	// DefaultConcurrency is how many posts of one Send run at once.
	DefaultConcurrency = 64
	// DefaultPostTimeout is how long one post may take.
	DefaultPostTimeout = 10 * time.Second
	// DefaultAttempts is how often a connection is posted to, the first time included.
	DefaultAttempts = 5
	// DefaultRetryTime is how long after its first failure a connection is tried again.
	DefaultRetryTime = 30 * time.Second
	// DefaultPruneGrace is how old a connection is before it is pruned.
	DefaultPruneGrace = 5 * time.Second
)

type settings struct {
	concurrency int
	postTimeout time.Duration
	attempts    int
	retryTime   time.Duration
	pruneGrace  time.Duration
	clock       func() time.Time
	jitter      func(limit time.Duration) time.Duration
	codec       gatesock.Codec
	log         *slog.Logger
}

func defaults() settings {
	return settings{
		concurrency: DefaultConcurrency,
		postTimeout: DefaultPostTimeout,
		attempts:    DefaultAttempts,
		retryTime:   DefaultRetryTime,
		pruneGrace:  DefaultPruneGrace,
		clock:       time.Now,
		jitter:      func(limit time.Duration) time.Duration { return rand.N(limit + 1) },
	}
}

// Option is an option of [New]. Options panic on values that make no sense.
type Option interface{ apply(*settings) }

type option func(*settings)

func (o option) apply(s *settings) { o(s) }

// WithConcurrency sets how many posts of one Send run at once; the default is [DefaultConcurrency]. A
// client's connection pool should be as large.
func WithConcurrency(n int) Option {
	if n < 1 {
		panic("broadcast: WithConcurrency with less than 1")
	}
	return option(func(s *settings) { s.concurrency = n })
}

// WithPostTimeout sets how long one post may take, and one removal from the store; the default is
// [DefaultPostTimeout].
func WithPostTimeout(d time.Duration) Option {
	if d <= 0 {
		panic("broadcast: WithPostTimeout with no time")
	}
	return option(func(s *settings) { s.postTimeout = d })
}

// WithRetries sets how often a connection is posted to, the first time included, and how long after its first
// failure another try may begin; the defaults are [DefaultAttempts] and [DefaultRetryTime]. One attempt
// means no retries.
func WithRetries(attempts int, within time.Duration) Option {
	if attempts < 1 || within < 0 {
		panic("broadcast: WithRetries with less than 1 attempt, or a negative time")
	}
	return option(func(s *settings) { s.attempts, s.retryTime = attempts, within })
}

// WithJitter replaces the chance that decides how long to wait before a retry: anything from 0 to limit. The
// default is uniform. It must be safe for concurrent use.
func WithJitter(wait func(limit time.Duration) time.Duration) Option {
	if wait == nil {
		panic("broadcast: WithJitter with a nil function")
	}
	return option(func(s *settings) { s.jitter = wait })
}

// WithPruneGrace sets how old a connection must be to be pruned when it is gone; the default is
// [DefaultPruneGrace]. Posts to a connection whose $connect still runs answer as if it were gone (AWS
// re:Post, "410 GoneException").
func WithPruneGrace(d time.Duration) Option {
	if d < 0 {
		panic("broadcast: WithPruneGrace with a negative time")
	}
	return option(func(s *settings) { s.pruneGrace = d })
}

// WithClock gives the Broadcaster its clock; the default is [time.Now]. It tells how old a connection is, for
// [WithPruneGrace], and nothing else: waits and timeouts run on the machine's own time. It must be safe for
// concurrent use.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("broadcast: WithClock with a nil clock")
	}
	return option(func(s *settings) { s.clock = now })
}

// WithCodec sets what encodes the data of a push; the default is [gatesock.JSON].
func WithCodec(c gatesock.Codec) Option {
	if c == nil {
		panic("broadcast: WithCodec with a nil codec")
	}
	return option(func(s *settings) { s.codec = c })
}

// WithLogger sets where failures to prune are logged; the default is [slog.Default] at that time.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("broadcast: WithLogger with a nil logger")
	}
	return option(func(s *settings) { s.log = l })
}

func (s settings) logger() *slog.Logger {
	if s.log != nil {
		return s.log
	}
	return slog.Default()
}
