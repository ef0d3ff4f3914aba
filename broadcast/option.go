package broadcast

import (
	"context"
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
	// DefaultPostTimeout is how long one post may take where the context has no deadline. Where it has one, a post may
	// take a tenth of the time that there is when the send begins, but at least MinPostTimeout and at most
	// DefaultPostTimeout: a handler that waits for a send is not to spend its time on one connection that hangs.
	DefaultPostTimeout = 5 * time.Second
	// MinPostTimeout is the least that one post may take unless [WithPostTimeout] says otherwise.
	MinPostTimeout = time.Second
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
	// DefaultRefusals is how often in a row a connection is throttled while others are not, at least, before it is too
	// slow.
	DefaultRefusals = 5
)

type settings struct {
	concurrency  int
	handOffAfter time.Duration // negative: not before the deadline
	postTimeout  time.Duration // 0: by the deadline
	attempts     int
	retryTime    time.Duration
	pruneGrace   time.Duration
	clock        func() time.Time
	jitter       func(limit time.Duration) time.Duration
	// shuffle brings members into an order of chance: where it is always the last posts of a burst that are
	// throttled, they are not to be always the same ones, which would look as if these were slow.
	shuffle    func(n int, swap func(i, j int))
	codec      gatesock.Codec
	envelope   gatesock.Envelope
	log        *slog.Logger
	relay      Relay
	maxHops    int
	reserve    time.Duration // negative: the default
	ceiling    float64
	window     time.Duration
	refusals   int
	slowPolicy SlowPolicy
}

func defaults() settings {
	return settings{
		concurrency:  DefaultConcurrency,
		handOffAfter: -1,
		attempts:     DefaultAttempts,
		retryTime:    DefaultRetryTime,
		pruneGrace:   DefaultPruneGrace,
		maxHops:      DefaultMaxHops,
		reserve:      -1,
		refusals:     DefaultRefusals,
		clock:        time.Now,
		shuffle:      rand.Shuffle,
		jitter:       func(limit time.Duration) time.Duration { return rand.N(limit + 1) },
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

// WithPostTimeout sets how long one post may take, one removal from the store, and one handing on of a job. The
// default depends on the deadline of the context; see [DefaultPostTimeout].
//
// It is the post's own time: a [gatesock.Preparer] such as the Client of package apigw counts it from the moment that it
// has a connection to the gateway. With other Posters it includes what they wait for, and a post may be cut off a tenth
// of it earlier.
func WithPostTimeout(d time.Duration) Option {
	if d <= 0 {
		panic("broadcast: WithPostTimeout with no time")
	}
	return option(func(s *settings) { s.postTimeout = d })
}

// timeoutWithin returns how long one post of a send with this context may take.
func (s settings) timeoutWithin(ctx context.Context) time.Duration {
	if s.postTimeout > 0 {
		return s.postTimeout
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return DefaultPostTimeout
	}
	return min(max(time.Until(deadline)/10, MinPostTimeout), DefaultPostTimeout)
}

// WithRetries sets how often a connection is posted to, the first time included, and how long after its first
// failure another try may begin; the defaults are [DefaultAttempts] and [DefaultRetryTime]. One attempt
// means no retries. A post that was throttled does not count as an attempt; it is tried again
// for as long as the time allows, unless the connection is too slow (see [WithSlowConsumers]). What was throttled to the
// end, or never sent, is not failed but unsent: it is in [Report.Cursor]. With a [Relay] it is handed on, unless it looks as
// if the client is too slow, and tried six times more within two minutes.
func WithRetries(attempts int, within time.Duration) Option {
	if attempts < 1 || within < 0 {
		panic("broadcast: WithRetries with less than 1 attempt, or a negative time")
	}
	return option(func(s *settings) { s.attempts, s.retryTime = attempts, within })
}

// WithJitter replaces the chance that decides how long to wait before a retry: anything from 0 to limit, of which at
// least 5 ms are waited. The default is uniform. It must be safe for concurrent use.
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

// WithEnvelope sets the names of the members of a push, for clients that know them by other names; the default is those of
// docs/protocol.md. Give the [gatesock.Router] the same. It panics if two of them are the same.
func WithEnvelope(e gatesock.Envelope) Option {
	if _, err := e.EncodePush(gatesock.Push{Event: "probe"}, nil); err != nil {
		panic("broadcast: WithEnvelope: " + err.Error())
	}
	return option(func(s *settings) { s.envelope = e })
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

// WithHandOffAfter sets how long a Send works at most before it hands the rest on to its [Relay], though its deadline
// may be far: a handler that answers its caller does not wait for those that are throttled. Posts that run, or wait in the
// Poster for a connection, are waited for. 0 hands on everything at once, so that the Send takes as long as a message to the queue. Jobs go on
// until their own deadline. The default is to hand on for the deadline only.
//
// New panics if there is no WithRelay.
func WithHandOffAfter(d time.Duration) Option {
	if d < 0 {
		panic("broadcast: WithHandOffAfter with a negative time")
	}
	return option(func(s *settings) { s.handOffAfter = d })
}

// WithMaxHops sets how often a send is handed on at most; the default is [DefaultMaxHops]. The next job is then refused
// with [ErrTooManyHops], so that the queue puts it aside with everybody who is left in it.
func WithMaxHops(n int) Option {
	if n < 1 {
		panic("broadcast: WithMaxHops with less than 1")
	}
	return option(func(s *settings) { s.maxHops = n })
}

// WithDeadlineMargin sets how long before the deadline of its context a Send begins no more posts. Those that run are cut off
// when half of it is over, and the other half is for handing on. The default is [DefaultReserve], but not more
// than a tenth of the time that there is when the Send begins. 0 uses all the time, and leaves none to hand on.
func WithDeadlineMargin(d time.Duration) Option {
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

// WithSlowConsumers sets what is done with a connection that takes its messages too slowly, and how many refusals in a
// row, at least, in one Send or several, show that. The defaults are [DefaultRefusals] and [SkipSlow].
//
// The gateway answers a post to a client whose buffer is full as it answers when the account's rate is exceeded
// (observed: gchq/sleeper#7494), so a refusal counts against a client only if messages to other clients were taken
// within about 200 ms of it. If r of n of those were refused too, this one was among the refused by chance with a
// probability of (r+1)/(n+1). A client is too slow when the product of these over its refusals in a row is below one in
// a billion, and they are spread over at least 5 seconds.
//
// So in an outage nobody is slow, nor is the only member of a group that nobody else is posted to; such a connection is
// tried again for as long as [WithRetries] allows. Among 50 others that are posted to at the same time it takes six
// refusals, some seconds apart.
func WithSlowConsumers(refusals int, p SlowPolicy) Option {
	if refusals < 1 || p < SkipSlow || p > FailOnSlow {
		panic("broadcast: WithSlowConsumers with less than 1 refusal, or an unknown policy")
	}
	return option(func(s *settings) { s.refusals, s.slowPolicy = refusals, p })
}

// check panics where options don't go together, or with the poster.
func (s settings) check(disconnects bool) {
	switch {
	case s.slowPolicy == DisconnectSlow && !disconnects:
		panic("broadcast: DisconnectSlow with a Poster that has no method Disconnect(context.Context, gatesock.Target) error")
	case s.handOffAfter >= 0 && s.relay == nil:
		panic("broadcast: WithHandOffAfter without WithRelay")
	}
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
