package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/clientcore"
)

// Call calls an action and decodes the data of its answer into an Out. It is [Client.Call]
// otherwise.
//
//	sum, err := client.Call[Sum](ctx, c, "add", Add{A: 1, B: 2})
func Call[Out any](ctx context.Context, c *Client, action string, in any, opts ...CallOption) (Out, error) {
	var out Out
	err := c.Call(ctx, action, in, &out, opts...)
	return out, err
}

// Call sends a request, {"action":action,"id":"…", …the members of in}, waits for the answer, and
// decodes its data into out, as [json.Unmarshal] does. If there is no connection, it waits for one;
// see [WithExpiry].
//
// In must encode to a JSON object; if it is nil, the request has no members of its own. If out is
// nil, the data is ignored. Call panics if action is empty.
//
// When ctx ends, Call returns at once. The error then matches that of ctx and, if the request was
// sent, [ErrUnknownOutcome]. The package documentation lists the other errors.
func (c *Client) Call(ctx context.Context, action string, in, out any, opts ...CallOption) error {
	request, err := c.newCall(action, in, opts)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("client: %q: %w", action, ended(ctx))
	}
	p := &pending{action: action, done: make(chan struct{})}
	if !c.do(func(now time.Time) {
		p.number = c.machine.Call(now, request)
		c.calls[p.number] = p
	}) {
		return fmt.Errorf("%w: %q was not sent", ErrClosed, action)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		c.cancel(p, ended(ctx))
		<-p.done
	}
	if p.err != nil {
		return p.err
	}
	if out == nil || len(p.data) == 0 {
		return nil
	}
	return decode(action, p.data, out)
}

// Send sends a message without an id, as for one-way actions: now, or not at all. It returns
// [ErrOffline] if there is no connection, or if 1 MiB waits to be sent on it; [ErrClosed]; and a
// [*gatesock.Error] if the message is too large. No error does not mean that it arrives. In is as
// for [Client.Call]. Send panics if action is empty.
func (c *Client) Send(action string, in any) error {
	mustAction("Send", action)
	input, err := encodeInput(action, in)
	if err != nil {
		return err
	}
	if !c.do(func(now time.Time) { err = c.sendNow(now, action, input) }) {
		return fmt.Errorf("%w: %q was not sent", ErrClosed, action)
	}
	return err
}

func mustAction(method, action string) {
	if action == "" {
		panic("client: Client." + method + ": the action must not be empty")
	}
}

// pending is a call that waits for its end.
type pending struct {
	action string
	number int64         // belongs to the loop, as cause does
	cause  error         // why its context has ended
	done   chan struct{} // closed when the rest is known
	data   json.RawMessage
	err    error
}

func (p *pending) settle(data json.RawMessage, err error) {
	p.data, p.err = data, err
	close(p.done)
}

// newCall returns what the machine needs to know of a call.
func (c *Client) newCall(action string, in any, opts []CallOption) (clientcore.Call, error) {
	mustAction("Call", action)
	var s callSettings
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("client: Client.Call: option %d must not be nil", i))
		}
		o.applyCall(&s)
	}
	input, err := encodeInput(action, in)
	if err != nil {
		return clientcore.Call{}, err
	}
	return clientcore.Call{
		Action: action, Input: input, Timeout: s.timeout, Expires: s.expiry, Lane: s.lane, Result: s.result,
		Idempotent: s.idempotent, Key: s.key, NewKey: s.randomKey,
	}, nil
}

// encodeInput returns the members of a request, as an object; nil if there are none.
func encodeInput(action string, in any) ([]byte, error) {
	if in == nil {
		return nil, nil
	}
	input, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("client: the input of %q: %w", action, err)
	}
	if bytes.Equal(input, []byte("null")) {
		return nil, nil
	}
	if input[0] != '{' {
		return nil, fmt.Errorf("client: the input of %q must encode to a JSON object, not %T", action, in)
	}
	return input, nil
}

// ended is the error of a context that has ended, and its cause.
func ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, ctx.Err()) {
		return cause
	}
	return fmt.Errorf("%w: %w", ctx.Err(), cause)
}

// failure returns the error of a call for what the machine says.
func failure(action string, a *clientcore.Action) error {
	var sentinel error
	switch a.Code {
	case "closed":
		sentinel = ErrClosed
	case "expired":
		sentinel = ErrExpired
	case "unknown_outcome":
		sentinel = ErrUnknownOutcome
	case "queue_full":
		sentinel = ErrQueueFull
	}
	if sentinel != nil {
		return fmt.Errorf("%w: %q: %s", sentinel, action, a.Text)
	}
	e := &gatesock.Error{Code: gatesock.Code(a.Code), Message: a.Text, RetryAfter: a.RetryAfter}
	if len(a.Details) > 0 {
		e.Details = a.Details
	}
	return fmt.Errorf("client: %q: %w", action, e)
}

// canceled is the error of a call whose context has ended.
func canceled(action string, sent bool, cause error) error {
	if sent {
		return fmt.Errorf("%w: %q: %w", ErrUnknownOutcome, action, cause)
	}
	return fmt.Errorf("client: %q was not sent: %w", action, cause)
}
