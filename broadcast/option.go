package broadcast

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
)

// The defaults of [New]. The documentation of the options states them.
const (
	defaultConcurrency    = 64
	defaultPostTimeout    = 5 * time.Second
	leastPostTimeout      = time.Second // where the deadline determines the timeout
	defaultAttempts       = 5
	defaultRetryTime      = 30 * time.Second
	defaultPruneGrace     = 5 * time.Second
	defaultDeadlineMargin = time.Second
	// defaultMaxHops is below the chain of about 16 invocations that Lambda stops (AWS Lambda
	// Developer Guide, "Use Lambda recursive loop detection to prevent infinite loops").
	defaultMaxHops  = 15
	defaultRefusals = 5
)

type settings struct {
	concurrency  int
	handOffAfter time.Duration // negative: not before the deadline
	postTimeout  time.Duration // 0: determined by the deadline
	attempts     int
	retryTime    time.Duration
	pruneGrace   time.Duration
	clock        func() time.Time
	// jitter returns a random wait of up to limit. WithRandom replaces it and shuffle.
	jitter func(limit time.Duration) time.Duration
	// shuffle makes the order of members random. If the last posts of each burst are throttled,
	// these must not always be the same members, which would look slow.
	shuffle    func(n int, swap func(i, j int))
	codec      gatesock.Codec
	envelope   gatesock.Envelope
	log        *slog.Logger
	relay      Relay
	maxHops    int
	maxAge     time.Duration // 0: none
	margin     time.Duration // negative: the default
	ceiling    float64       // posts per second; 0: none
	window     time.Duration
	refusals   int
	slowPolicy SlowPolicy
}

func defaults() settings {
	return settings{
		concurrency:  defaultConcurrency,
		handOffAfter: -1,
		attempts:     defaultAttempts,
		retryTime:    defaultRetryTime,
		pruneGrace:   defaultPruneGrace,
		maxHops:      defaultMaxHops,
		margin:       -1,
		refusals:     defaultRefusals,
		clock:        time.Now,
		shuffle:      rand.Shuffle,
		jitter:       func(limit time.Duration) time.Duration { return rand.N(limit + 1) },
	}
}

// validate panics if options contradict each other or the poster.
func (s settings) validate(canDisconnect bool) {
	switch {
	case s.slowPolicy == DisconnectSlow && !canDisconnect:
		panic("broadcast: New: DisconnectSlow needs a poster that is a gatesock.Disconnector")
	case s.handOffAfter >= 0 && s.relay == nil:
		panic("broadcast: New: WithHandOffAfter needs WithRelay")
	}
}

func (s settings) logger() *slog.Logger {
	if s.log != nil {
		return s.log
	}
	return slog.Default()
}

// timeoutWithin returns the time limit of one post in a send with this context.
func (s settings) timeoutWithin(ctx context.Context) time.Duration {
	if s.postTimeout > 0 {
		return s.postTimeout
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return defaultPostTimeout
	}
	return min(max(time.Until(deadline)/10, leastPostTimeout), defaultPostTimeout)
}

// Option is an option of [New]. Options panic if a parameter is nil or out of range: numbers must
// be positive, and so must durations, except where an option documents what 0 means.
type Option interface{ apply(*settings) }

type option func(*settings)

func (o option) apply(s *settings) { o(s) }

// WithConcurrency sets how many posts of one send run at once. The default is 64. The connection
// pool of the poster should be as large.
func WithConcurrency(n int) Option {
	if n < 1 {
		panic("broadcast: WithConcurrency: n must be at least 1")
	}
	return option(func(s *settings) { s.concurrency = n })
}

// WithPostTimeout sets the time limit of one post, one removal from the store, and handing off one
// job.
//
// The default is a tenth of the time until the deadline of the context, at least 1 s and at most 5
// s, so that a single connection that hangs does not use up the time of a handler. Without a
// deadline it is 5 s.
//
// A [gatesock.Preparer], such as the Client of package apigw, counts the time from the moment that
// it has a connection to the gateway. Other Posters include the time for which they wait, and a
// post may be cut off a tenth of the limit earlier.
func WithPostTimeout(d time.Duration) Option {
	if d <= 0 {
		panic("broadcast: WithPostTimeout: d must be positive")
	}
	return option(func(s *settings) { s.postTimeout = d })
}

// WithRetries sets how often a member is tried, with the first attempt, and for how long after its
// first failure a retry may start. The defaults are 5 attempts and 30 s. One attempt, or a time of
// 0, means no retries.
//
// A throttled post does not count as an attempt. It is retried until the time is over, unless the
// client is too slow (see [WithSlowConsumers]). A member that was throttled until the end is not
// failed but unsent. With a [Relay] it is handed off, unless the client may be too slow, and tried
// up to six more times within two minutes.
func WithRetries(attempts int, within time.Duration) Option {
	if attempts < 1 {
		panic("broadcast: WithRetries: attempts must be at least 1")
	}
	if within < 0 {
		panic("broadcast: WithRetries: within must not be negative")
	}
	return option(func(s *settings) { s.attempts, s.retryTime = attempts, within })
}

// WithPruneGrace sets how old a connection must be to be removed from the store when it is gone.
// The default is 5 s; 0 means any age. While the $connect event of a connection is handled, posts
// to it are answered as if it were gone (AWS re:Post, "410 GoneException").
func WithPruneGrace(d time.Duration) Option {
	if d < 0 {
		panic("broadcast: WithPruneGrace: d must not be negative")
	}
	return option(func(s *settings) { s.pruneGrace = d })
}

// WithMaxAge limits for how long after a send its jobs do anything, however long they were in the
// queue: a message that is out of date may be worse than none. By default there is no limit. What
// is dropped is reported as not read ([Report.Incomplete]).
func WithMaxAge(d time.Duration) Option {
	if d <= 0 {
		panic("broadcast: WithMaxAge: d must be positive")
	}
	return option(func(s *settings) { s.maxAge = d })
}

// WithClock sets the clock by which the age of connections is computed for [WithPruneGrace], and
// that of jobs for [WithMaxAge]; the default is [time.Now]. Waits and timeouts do not use it. It
// must be safe for concurrent use. WithClock panics if now is nil.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("broadcast: WithClock: now must not be nil")
	}
	return option(func(s *settings) { s.clock = now })
}

// WithRandom sets the source of the random numbers that decide in which order members are tried and
// how long retries wait, so that a test can repeat a send exactly; the default is that of
// [math/rand/v2]. The source need not be safe for concurrent use, but only this Broadcaster, and
// those that [Broadcaster.With] makes of it, may use it. WithRandom panics if src is nil.
func WithRandom(src rand.Source) Option {
	if src == nil {
		panic("broadcast: WithRandom: src must not be nil")
	}
	r := rand.New(&lockedSource{src: src}) //nolint:gosec // no secret
	return option(func(s *settings) {
		s.shuffle = r.Shuffle
		s.jitter = func(limit time.Duration) time.Duration { return time.Duration(r.Int64N(int64(limit) + 1)) }
	})
}

// lockedSource is a source for several goroutines.
type lockedSource struct {
	mu  sync.Mutex
	src rand.Source
}

func (l *lockedSource) Uint64() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.src.Uint64()
}

// WithCodec sets the codec for the data of a push; the default is [gatesock.JSON].
func WithCodec(c gatesock.Codec) Option {
	if c == nil {
		panic("broadcast: WithCodec: c must not be nil")
	}
	return option(func(s *settings) { s.codec = c })
}

// WithEnvelope sets the names of the members of a push, for clients that use names other than those
// in docs/protocol.md. Use the same envelope for the [gatesock.Router]. It panics if two names are
// the same.
func WithEnvelope(e gatesock.Envelope) Option {
	if _, err := e.EncodePush(gatesock.Push{Event: "probe"}, nil); err != nil {
		panic("broadcast: WithEnvelope: e: " + err.Error())
	}
	return option(func(s *settings) { s.envelope = e })
}

// WithRelay sets the [Relay] that hands off what a send cannot do itself: what remains when the
// deadline of its context is near, and, from the start, all shards but the first of a group that
// has several in the store. [Broadcaster.Run] does the jobs. Package sqsrelay has a Relay for
// Amazon SQS.
//
// Without a Relay, what remains is in [Report.Cursor].
func WithRelay(r Relay) Option {
	if r == nil {
		panic("broadcast: WithRelay: r must not be nil")
	}
	return option(func(s *settings) { s.relay = r })
}

// WithHandOffAfter sets for how long Send works before it hands off the rest to its [Relay], even
// if the deadline is far. A handler can then answer its client without waiting for throttled
// members. 0 hands off everything at once, so that Send takes as long as one message to the queue.
// By default only the deadline counts.
//
// Send still waits for the posts that it started. Jobs work until their own deadline. New panics if
// there is no [WithRelay].
func WithHandOffAfter(d time.Duration) Option {
	if d < 0 {
		panic("broadcast: WithHandOffAfter: d must not be negative")
	}
	return option(func(s *settings) { s.handOffAfter = d })
}

// WithMaxHops sets how often a send may be handed off; the default is 15, since Lambda stops a
// chain of about 16 invocations of one function (AWS Lambda Developer Guide, "Use Lambda recursive
// loop detection to prevent infinite loops"). [Broadcaster.Run] refuses the next job with
// [ErrTooManyHops], so that the job gets into the dead-letter queue with all of its members.
func WithMaxHops(n int) Option {
	if n < 1 {
		panic("broadcast: WithMaxHops: n must be at least 1")
	}
	return option(func(s *settings) { s.maxHops = n })
}

// WithDeadlineMargin sets how long before the deadline of its context a send stops to start posts.
// Posts that run are cut off when half of the margin is over; the other half is for handing off.
// The default is 1 s, but at most a tenth of the time that there is when the send begins. 0 uses
// all the time, and leaves none to hand off.
func WithDeadlineMargin(d time.Duration) Option {
	if d < 0 {
		panic("broadcast: WithDeadlineMargin: d must not be negative")
	}
	return option(func(s *settings) { s.margin = d })
}

// WithRate sets a ceiling for the posts per second of all sends of this Broadcaster together. By
// default there is none. With or without a ceiling, the rate follows what the gateway accepts: it
// falls when posts are throttled, and rises again step by step.
//
// The account's quota is shared by posts, inbound messages and all other APIs (AWS Developer Guide,
// "Quotas for configuring and running a WebSocket API": 10,000 requests per second).
func WithRate(postsPerSecond float64) Option {
	if !(postsPerSecond > 0) || math.IsInf(postsPerSecond, 1) { // also not a number
		panic("broadcast: WithRate: postsPerSecond must be positive and finite")
	}
	return option(func(s *settings) { s.ceiling = postsPerSecond })
}

// WithCoalescing combines messages to the same connection. Each message waits for up to the window,
// and all that arrive meanwhile are sent as one: a JSON array of pushes, which clients must
// understand (see docs/protocol.md). It is off by default.
//
// It is for many sends at a time to the same connections. Each post takes longer by the window, so
// that a send to n members takes about n / concurrency windows.
func WithCoalescing(window time.Duration) Option {
	if window <= 0 {
		panic("broadcast: WithCoalescing: window must be positive")
	}
	return option(func(s *settings) { s.window = window })
}

// WithLogger sets the logger for what neither a Report nor an error shows, such as failures to
// remove a connection; the default is [slog.Default] at that time. It panics if l is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("broadcast: WithLogger: l must not be nil")
	}
	return option(func(s *settings) { s.log = l })
}

// ErrSlowConsumer means that a member failed because its client reads its messages too slowly.
var ErrSlowConsumer = errors.New("broadcast: the client is too slow")

// SlowPolicy is what happens to a client that is too slow; see [WithSlowConsumers]. With every
// policy the member is counted in [Report.Failed] and [Report.Slow], and the other members are
// served.
type SlowPolicy int

const (
	// SkipSlow gives up the message. Further sends try the connection once each, until a post
	// succeeds or none was refused for 10 minutes.
	SkipSlow SlowPolicy = iota
	// DisconnectSlow also closes the connection. The Poster must be a [gatesock.Disconnector].
	DisconnectSlow
	// FailOnSlow also makes Send return [ErrSlowConsumer], after all others have been served or
	// handed off. A job does not fail for it, because it would run again; see [Report.Slow].
	FailOnSlow
)

// WithSlowConsumers sets what happens to a client that reads its messages too slowly, and how many
// of its posts, at least, must have been refused in a row before it counts as too slow. The posts
// may be of several sends; one that succeeds ends the row. The defaults are 5 and [SkipSlow].
//
// API Gateway refuses a post to a client whose buffer is full in the same way as a post above the
// account's rate (observed: gchq/sleeper#7494). To tell these apart, each refusal is compared with
// the posts to other connections within about 200 ms of it. It counts only if some of those
// succeeded. If r of n were refused too, the refusal is chance with a probability of (r+1)/(n+1). A
// client is too slow when its refusals in a row spread over at least 5 seconds, and the product of
// their probabilities is at most one in a billion.
//
// If 50 others get messages at the same time, six refusals some seconds apart are enough. In an
// outage no client is slow. Nor is the only member of a group if nobody else gets messages at that
// time: it is retried for as long as [WithRetries] allows.
func WithSlowConsumers(refusals int, p SlowPolicy) Option {
	if refusals < 1 {
		panic("broadcast: WithSlowConsumers: refusals must be at least 1")
	}
	if p < SkipSlow || p > FailOnSlow {
		panic("broadcast: WithSlowConsumers: p is not a SlowPolicy")
	}
	return option(func(s *settings) { s.refusals, s.slowPolicy = refusals, p })
}
