package broadcast

import (
	"log/slog"
	"math"
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
	// DefaultReserve is how long before the deadline posts end, if that is not more than a tenth of the time
	// there is.
	DefaultReserve = time.Second
	// DefaultMaxHops is how often a send is handed on at most. Lambda itself stops a chain of about 16 invocations of one
	// function (AWS Lambda Developer Guide, "Use Lambda recursive loop detection to prevent infinite loops").
	DefaultMaxHops = 15
	// DefaultRefusals is how often a connection is throttled, while others are not, before it is too slow.
	DefaultRefusals = 5
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
	relay       Relay
	maxHops     int
	reserve     time.Duration // negative: the default
	ceiling     float64
	window      time.Duration
	refusals    int
	slowPolicy  SlowPolicy
}

func defaults() settings {
	return settings{
		concurrency: DefaultConcurrency,
		postTimeout: DefaultPostTimeout,
		attempts:    DefaultAttempts,
		retryTime:   DefaultRetryTime,
		pruneGrace:  DefaultPruneGrace,
		maxHops:     DefaultMaxHops,
		reserve:     -1,
		refusals:    DefaultRefusals,
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

// WithPostTimeout sets how long one post may take, one removal from the store, and one handing on of a job; a post may
// be cut off a tenth of it earlier. The default is
// [DefaultPostTimeout].
func WithPostTimeout(d time.Duration) Option {
	if d <= 0 {
		panic("broadcast: WithPostTimeout with no time")
	}
	return option(func(s *settings) { s.postTimeout = d })
}

// WithRetries sets how often a connection is posted to, the first time included, and how long after its first
// failure another try may begin; the defaults are [DefaultAttempts] and [DefaultRetryTime]. One attempt
// means no retries. A post that was throttled does not count as an attempt; it is tried again
// for as long as the time allows, unless the connection is too slow (see [WithSlowConsumers]).
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

// WithRelay hands on what a Send can't do in its time: the rest when the deadline of its context is near, and all shards
// but the first of a group that its store keeps in several, from the start. What comes out of the relay is given
// to [Broadcaster.Run]. Package sqsrelay has a Relay for SQS. Without one, what is left is in [Report.Cursor].
func WithRelay(r Relay) Option {
	if r == nil {
		panic("broadcast: WithRelay with a nil Relay")
	}
	return option(func(s *settings) { s.relay = r })
}

// WithMaxHops sets how often a send is handed on at most; the default is [DefaultMaxHops]. The next job is then refused
// with [ErrTooManyHops], so that the queue puts it aside with everybody who is left in it.
func WithMaxHops(n int) Option {
	if n < 1 {
		panic("broadcast: WithMaxHops with less than 1")
	}
	return option(func(s *settings) { s.maxHops = n })
}

// WithReserve sets how long before the deadline of its context a Send begins no more posts. Those that run are cut off
// when half of it is over, and the other half is for handing on. The default is [DefaultReserve], but not more
// than a tenth of the time that there is when the Send begins. 0 uses all the time, and leaves none to hand on.
func WithReserve(d time.Duration) Option {
	if d < 0 {
		panic("broadcast: WithReserve with a negative time")
	}
	return option(func(s *settings) { s.reserve = d })
}

// WithRate sets a ceiling for the posts per second of all Sends of this Broadcaster together. The account's quota is
// shared by posts, inbound messages and all other APIs (AWS Developer Guide, "Quotas for configuring and running a
// WebSocket API": 10,000 requests per second). Without a ceiling, and below it, the rate follows what the gateway takes: it
// falls when posts are throttled, and rises again step by step.
func WithRate(postsPerSecond float64) Option {
	if !(postsPerSecond > 0) || math.IsInf(postsPerSecond, 1) { // also not a number
		panic("broadcast: WithRate with no rate")
	}
	return option(func(s *settings) { s.ceiling = postsPerSecond })
}

// WithCoalescing lets messages wait for others to the same connection, for up to the window, and sends those that come
// together as one message: a JSON array of pushes, which docs/protocol.md defines and clients must understand. It is off by
// default. It is for many Sends at a time to the same people: each post takes the window longer, so that a Send of
// n connections takes about n / concurrency windows.
func WithCoalescing(window time.Duration) Option {
	if window <= 0 {
		panic("broadcast: WithCoalescing with no time")
	}
	return option(func(s *settings) { s.window = window })
}

// WithSlowConsumers sets what is done with a connection that takes its messages too slowly: after so many refusals in a
// row, in one Send or several, the policy is applied. The defaults are [DefaultRefusals] and [SkipSlow].
//
// The gateway answers a post to a client whose buffer is full as it answers when the account's rate is exceeded (observed:
// gchq/sleeper#7494). So a connection is too slow only after more refusals in a row than chance explains: 5 where less
// than 1 in 60 connections is refused at its first post, 9 where it is 1 in 10, and none where it is every second.
func WithSlowConsumers(refusals int, p SlowPolicy) Option {
	if refusals < 1 || p < SkipSlow || p > FailOnSlow {
		panic("broadcast: WithSlowConsumers with less than 1 refusal, or an unknown policy")
	}
	return option(func(s *settings) { s.refusals, s.slowPolicy = refusals, p })
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
