package broadcast

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// Broadcaster sends messages to audiences. It is safe for concurrent use; each Send has workers of its own.
// Make it with [New].
type Broadcaster struct {
	settings

	poster gatesock.Poster
	store  conn.Store
}

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
	return b
}

// Send encodes a push and sends it to the audience.
//
// The Report is about what was done, also beside an error. The error is about the send as a whole, and nil
// as long as every member was read and tried; that single connections failed is in the Report only:
//
//   - The push can't be encoded, is above [gatesock.MaxMessageSize] ([gatesock.ErrTooLarge]), or the
//     audience is empty ([ErrNoAudience]): nothing was read or sent.
//   - ctx ended: what was running was cut off, the rest is unsent. The error wraps [context.Cause]. It is no
//     error if nothing but the removal of connections that are gone was left to do.
//   - The poster's own endpoint answered [gatesock.ErrForbidden], which it would to every post: no further ones
//     were begun, also not to other endpoints.
//   - The store could not be read to the end; who was read has been tried.
//
// An endpoint of [conn.Member] that answers gatesock.ErrForbidden, as that of an API which was deleted, is not
// posted to again in this Send: its other members fail with the same error and without an attempt. Those of other
// endpoints get the message, and the Send has no error.
//
// Throttled posts and faults are tried again after a random wait of up to 100 ms, doubled each time, at most
// 5 s. What is not: a connection that is gone, a payload too large, a malformed connection id, and a post
// that used up its time, since it may well have arrived. Members wait in memory for their retry; while about 16
// times the concurrency do, reading pauses. So many clients that are too slow for the gateway thus hold up all that
// are not read yet, for up to the time of [WithRetries].
//
// A panic of the poster or of the store stops the send, and Send panics with it.
func (b *Broadcaster) Send(ctx context.Context, to Audience, p gatesock.Push) (Report, error) {
	if err := b.check(to); err != nil {
		return Report{}, err
	}
	frame, err := p.Encode(b.codec)
	if err != nil {
		return Report{}, fmt.Errorf("broadcast: %w", err)
	}
	return b.SendFrame(ctx, to, frame)
}

// SendFrame sends a frame that is encoded already, as by [gatesock.Push.Encode]. It must be UTF-8 and not
// empty; the caller must not change it before SendFrame returns. All else is as with [Broadcaster.Send].
func (b *Broadcaster) SendFrame(ctx context.Context, to Audience, frame []byte) (Report, error) {
	if err := b.check(to); err != nil {
		return Report{}, err
	}
	switch {
	case len(frame) == 0:
		return Report{}, errors.New("broadcast: the frame is empty")
	case len(frame) > gatesock.MaxMessageSize:
		return Report{}, fmt.Errorf("broadcast: %w: %d bytes", gatesock.ErrTooLarge, len(frame))
	case !utf8.Valid(frame):
		return Report{}, errors.New("broadcast: the frame is not UTF-8")
	}
	return b.run(ctx, to, frame)
}

func (b *Broadcaster) check(to Audience) error {
	if b == nil || b.poster == nil {
		return errors.New("broadcast: the Broadcaster was not made by New")
	}
	return to.check()
}
