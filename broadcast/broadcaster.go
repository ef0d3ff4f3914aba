package broadcast

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast/internal/coalesce"
	"github.com/gatesock/gatesock/broadcast/internal/pace"
	"github.com/gatesock/gatesock/broadcast/internal/slowness"
	"github.com/gatesock/gatesock/conn"
)

// Broadcaster sends messages to audiences and closes the connections of audiences. Make it with
// [New]. It is safe for concurrent use, and each call has workers of its own.
//
// Make one Broadcaster per process. It keeps what it learns from one call to the next: the rate
// that the gateway accepts (see [WithRate]), and which clients are too slow (see
// [WithSlowConsumers]).
type Broadcaster struct {
	settings

	poster           gatesock.Poster
	disconnector     gatesock.Disconnector // nil if the poster is not one
	store            conn.Store
	rate             *pace.Rate
	slowness         *slowness.Detector
	closingForbidden *sync.Once // for the log
}

// ErrDeadline means that a send stopped because its time was over: the time before the margin of
// [WithDeadlineMargin], or that of [WithHandOffAfter]. An error that matches it also matches
// [context.DeadlineExceeded].
var ErrDeadline = errors.New("broadcast: no time left before the deadline")

var (
	errNoTime       = fmt.Errorf("%w: %w", ErrDeadline, context.DeadlineExceeded)
	errNoDisconnect = errors.New("broadcast: Disconnect: the Poster is not a gatesock.Disconnector")
	errNoRelay      = errors.New("broadcast: Run: the Broadcaster has no Relay, see WithRelay")
	errPanicked     = errors.New("broadcast: panic") // what an observer is told of a send that panics
)

// New returns a Broadcaster that posts through poster to the members it finds in store.
//
// The poster is usually a Client of package apigw. Its calls must return when their context ends,
// because a send waits for the posts that it started.
//
// New panics if poster or store is nil, with [WithHandOffAfter] but no [WithRelay], and with
// [DisconnectSlow] if the poster is not a [gatesock.Disconnector].
func New(poster gatesock.Poster, store conn.Store, opts ...Option) *Broadcaster {
	if poster == nil {
		panic("broadcast: New: poster must not be nil")
	}
	if store == nil {
		panic("broadcast: New: store must not be nil")
	}
	b := &Broadcaster{settings: defaults(), poster: poster, store: store, closingForbidden: new(sync.Once)}
	for _, o := range opts {
		if o == nil {
			panic("broadcast: New: an option is nil")
		}
		o.apply(&b.settings)
	}
	b.rate = pace.New(b.ceiling)
	b.slowness = slowness.New(b.refusals)
	b.disconnector, _ = poster.(gatesock.Disconnector)
	b.validate(b.disconnector != nil)
	if b.window > 0 {
		b.poster = coalesce.New(poster, b.window)
	}
	return b
}

// With returns a Broadcaster with further options, for messages that are to be sent in another way,
// such as with fewer retries. It has the poster, the store and the options of b, and shares with it
// the rate that the gateway accepts and which clients are too slow. [Relay] jobs do not carry
// options: the Broadcaster that runs a job uses its own.
//
// With panics for the reasons of [New], and if an option sets what all that share the rate have in
// common: [WithRate], [WithCoalescing], and the number of refusals of [WithSlowConsumers].
func (b *Broadcaster) With(opts ...Option) *Broadcaster {
	if b == nil || b.poster == nil {
		panic("broadcast: With: the Broadcaster was not made by New")
	}
	with := *b
	for _, o := range opts {
		if o == nil {
			panic("broadcast: With: an option is nil")
		}
		o.apply(&with.settings)
	}
	if with.ceiling != b.ceiling || with.window != b.window || with.refusals != b.refusals {
		panic("broadcast: With: WithRate, WithCoalescing and the refusals of WithSlowConsumers are options of New only")
	}
	with.validate(with.disconnector != nil)
	return &with
}

// Send encodes a push and sends it to every member of the audience. It returns when each member is
// settled: the gateway accepted the message, the connection is gone, or the Broadcaster gave up.
//
// The [Report] counts what happened, also if there is an error. The error is about the send as a
// whole. It is nil as long as every member was read and tried; failures of single connections are
// only in the Report, see [Report.Err]. The error is one of these:
//
//   - The push cannot be encoded or is larger than [gatesock.MaxMessageSize]
//     ([gatesock.ErrTooLarge]), or the audience is empty ([ErrNoAudience]) or malformed
//     ([ErrBadCursor]): nothing was read or sent.
//   - ctx was cancelled: running posts were cut off, and the other members are unsent. The error
//     wraps [context.Cause]. If only removals of gone connections remained, there is no error.
//   - The deadline of ctx was near ([ErrDeadline]), and not all of the rest was handed off to a
//     [Relay].
//   - The poster's own endpoint answered [gatesock.ErrForbidden], as it would to every post. No
//     further posts were started.
//   - The store failed, or the number of a group's shards changed since the cursor was made
//     ([ErrShardsChanged]). The members that were read until then have been tried.
//   - Too many connections, 16 times the concurrency, were throttled or unreachable for as long as
//     [WithRetries] allows. The others were not tried.
//   - A client was too slow, and the policy is [FailOnSlow] ([ErrSlowConsumer]).
//
// # Retries
//
// Throttled posts and faults are retried after a random wait of up to 100 ms, which doubles with
// each attempt up to 5 s. Not retried are: a connection that is gone, a payload that is too large,
// a malformed connection ID, and a post whose time was over, because the message may have arrived.
// Members that wait for a retry are kept in memory; reading pauses while 16 times the concurrency
// wait. Up to 4,096 members that are throttled while others are not, and so may be too slow, do not
// count towards that limit.
//
// # Several endpoints
//
// A [conn.Member] can be at another endpoint. If that one answers [gatesock.ErrForbidden], for
// example because its API was deleted, its other members fail with the same error and without an
// attempt. The members of other endpoints get the message, and Send returns no error for it.
//
// # Panics
//
// If the poster or the store panics, Send stops, waits for the posts that run, and panics with an
// error that has the value and the stack of the first panic.
func (b *Broadcaster) Send(ctx context.Context, to Audience, p gatesock.Push) (Report, error) {
	r, err := b.begin(to)
	if err != nil {
		return Report{}, err
	}
	frame, err := b.envelope.EncodePush(p, b.codec)
	if err != nil {
		return Report{}, fmt.Errorf("broadcast: %w", err)
	}
	if err := validateFrame(frame); err != nil {
		return Report{}, err
	}
	return b.send(ctx, b.newJob(frame), r)
}

// SendFrame is [Broadcaster.Send] for a message that is already encoded, for example by
// [gatesock.Push.Encode]. The frame must be UTF-8 and not empty. The caller must not change it
// before SendFrame returns.
func (b *Broadcaster) SendFrame(ctx context.Context, to Audience, frame []byte) (Report, error) {
	r, err := b.begin(to)
	if err != nil {
		return Report{}, err
	}
	if err := validateFrame(frame); err != nil {
		return Report{}, err
	}
	return b.send(ctx, b.newJob(frame), r)
}

// Disconnect closes the connections of an audience, for example with [ToUser] all connections of a
// user. Clients see close code 1000; the gateway supports neither another code nor a reason. The
// records of the connections go with their $disconnect events, as after every end of a connection.
// The records of connections that are already gone are removed.
//
// It has the retries, the rate, the Report and the errors of [Broadcaster.Send]: Delivered counts
// the connections that were closed, and Gone those that were not open any more. Nothing is handed
// off to a [Relay]. If the time is over, [Report.Cursor] has the rest, and Disconnect accepts
// [Resume] of it. Connections that open meanwhile may be closed or not.
//
// Disconnect fails if the Poster is not a [gatesock.Disconnector].
func (b *Broadcaster) Disconnect(ctx context.Context, from Audience) (Report, error) {
	r, err := b.begin(from)
	if err != nil {
		return Report{}, err
	}
	if b.disconnector == nil {
		return Report{}, errNoDisconnect
	}
	return b.disconnect(ctx, r)
}

// Run continues a send with a job that its [Relay] delivers. It does what Send does for the members
// of the job, and hands off what remains in further jobs. A nil error means that every member of
// the job is in the Report or in a job that was handed off, or that the job is out of date
// ([Job.Until]) and nothing was done. Run needs a Broadcaster with a Relay.
//
// Unlike Send, Run hands off what remains after every failure, with a delay that grows with the
// hops. An error means that the job is still to be done: the job was refused ([ErrBadJob],
// [ErrTooManyHops]), ctx was cancelled, or handing off failed.
func (b *Broadcaster) Run(ctx context.Context, job Job) (Report, error) {
	if !b.HasRelay() {
		return Report{}, errNoRelay
	}
	r, err := job.parse()
	if err != nil {
		return Report{}, err
	}
	if job.Hops > b.maxHops {
		return Report{}, fmt.Errorf("%w: %d times, the limit is %d", ErrTooManyHops, job.Hops, b.maxHops)
	}
	if !job.Until.IsZero() && b.clock().After(job.Until) {
		return Report{ID: job.ID, Incomplete: true}, nil
	}
	return b.send(ctx, job, r)
}

// HasRelay reports whether the Broadcaster has a [Relay], which [Broadcaster.Run] needs.
func (b *Broadcaster) HasRelay() bool { return b != nil && b.relay != nil }

func (b *Broadcaster) begin(to Audience) (remaining, error) {
	if b == nil || b.poster == nil {
		return remaining{}, errors.New("broadcast: the Broadcaster was not made by New")
	}
	return to.remaining()
}
