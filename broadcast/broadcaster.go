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

// Broadcaster sends messages to audiences. It is safe for concurrent use; each Send has workers of its own.
// Make it with [New].
//
// What it learns is kept from one Send to the next, so make one per process: the rate that the gateway takes (see
// [WithRate]), and which connections are too slow (see [WithSlowConsumers]).
type Broadcaster struct {
	settings

	poster       gatesock.Poster
	disconnector disconnector // nil if the poster is none
	store        conn.Store
	rate         *pace.Rate
	slowness     *slowness.Detector
	unclosed     sync.Once // it was said that closing is forbidden
}

// disconnector is a Poster that can close connections, such as the Client of package apigw.
type disconnector interface {
	Disconnect(ctx context.Context, from gatesock.Target) error
}

// ErrDeadline says that a Send stopped because the deadline of its context was near: posts are not begun in the time
// of [WithDeadlineMargin], nor after that of [WithHandOffAfter]. What matches it also matches [context.DeadlineExceeded].
var ErrDeadline = errors.New("broadcast: no time left before the deadline")

var errNoTime = fmt.Errorf("%w: %w", ErrDeadline, context.DeadlineExceeded)

// New returns a Broadcaster that posts through poster to the members it finds in store. It panics if either
// is nil.
//
// The poster must honour its context: a Send does not return before the posts it has started.
func New(poster gatesock.Poster, store conn.Store, opts ...Option) *Broadcaster {
	if poster == nil {
		panic("broadcast: New with a nil Poster")
	}
	if store == nil {
		panic("broadcast: New with a nil Store")
	}
	b := &Broadcaster{settings: defaults(), poster: poster, store: store}
	for _, o := range opts {
		o.apply(&b.settings)
	}
	b.rate = pace.New(b.ceiling)
	b.slowness = slowness.New(b.refusals)
	b.disconnector, _ = poster.(disconnector)
	b.settings.check(b.disconnector != nil)
	if b.window > 0 {
		b.poster = coalesce.New(poster, b.window)
	}
	return b
}

// Send encodes a push and sends it to the audience.
//
// The Report is about what was done, also beside an error. The error is about the send as a whole, and nil
// as long as every member was read and tried; that single connections failed, or could not be posted to for as long as
// [WithRetries] allows, is in the Report only (see [Report.Err]):
//
//   - The push can't be encoded, is above [gatesock.MaxMessageSize] ([gatesock.ErrTooLarge]), or the
//     audience is empty ([ErrNoAudience]): nothing was read or sent.
//   - ctx ended: what was running was cut off, the rest is unsent. The error wraps [context.Cause]. It is no
//     error if nothing but the removal of connections that are gone was left to do.
//   - The deadline of ctx was near: [ErrDeadline], unless all that was left was handed on to a [Relay].
//   - The poster's own endpoint answered [gatesock.ErrForbidden], which it would to every post: no further ones
//     were begun, also not to other endpoints.
//   - The store could not be read to the end; the members that were read have been tried.
//   - So many connections, 16 times the concurrency, were throttled or could not be reached for as long as WithRetries
//     allows that there is no use in trying the others.
//
// An endpoint of [conn.Member] that answers gatesock.ErrForbidden, as that of an API which was deleted, is not
// posted to again in this Send: its other members fail with the same error and without an attempt. Those of other
// endpoints get the message, and the Send has no error.
//
// Throttled posts and faults are tried again after a random wait of up to 100 ms, doubled each time, at most
// 5 s. What is not: a connection that is gone, a payload too large, a malformed connection id, and a post
// that used up its time, since it may well have arrived. Members wait in memory for their retry; while about 16
// times the concurrency do, reading pauses. Connections that are refused while others are taken do not count there, up to
// 4,096 of them.
//
// A panic of the poster or of the store stops the send, and Send panics with it.
func (b *Broadcaster) Send(ctx context.Context, to Audience, p gatesock.Push) (Report, error) {
	r, err := b.check(to)
	if err != nil {
		return Report{}, err
	}
	frame, err := b.envelope.EncodePush(p, b.codec)
	if err != nil {
		return Report{}, fmt.Errorf("broadcast: %w", err)
	}
	if err := checkFrame(frame); err != nil {
		return Report{}, err
	}
	return b.run(ctx, b.newJob(frame), r)
}

// SendFrame sends a frame that is encoded already, as by [gatesock.Push.Encode]. It must be UTF-8 and not
// empty; the caller must not change it before SendFrame returns. All else is as with [Broadcaster.Send].
func (b *Broadcaster) SendFrame(ctx context.Context, to Audience, frame []byte) (Report, error) {
	r, err := b.check(to)
	if err != nil {
		return Report{}, err
	}
	if err := checkFrame(frame); err != nil {
		return Report{}, err
	}
	return b.run(ctx, b.newJob(frame), r)
}

func (b *Broadcaster) check(to Audience) (rest, error) {
	if b == nil || b.poster == nil {
		return rest{}, errors.New("broadcast: the Broadcaster was not made by New")
	}
	return to.rest()
}
