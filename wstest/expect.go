package wstest

import (
	"context"
	"fmt"
	"time"

	"github.com/gatesock/gatesock"
)

// ExpectPush consumes the first push of that event, on any topic, and decodes its data into the
// pointer out. If out is nil, the data is ignored. Earlier frames can still be expected. For the
// result of a request that comes later, see [Call.ExpectResult].
func (c *Client) ExpectPush(event string, out any) {
	c.t.Helper()
	c.expectPush(fmt.Sprintf("a push of event %q", event), out, func(m message) bool { return m.Event == event })
}

// ExpectPushOn is [Client.ExpectPush] for a push on that topic.
func (c *Client) ExpectPushOn(topic, event string, out any) {
	c.t.Helper()
	c.expectPush(fmt.Sprintf("a push of event %q on topic %q", event, topic), out, func(m message) bool {
		return m.Event == event && m.Topic == topic
	})
}

func (c *Client) expectPush(what string, out any, match func(message) bool) {
	c.t.Helper()
	f := c.await(what, func(f *received) bool { return match(f.message) })
	if f.message.Error != nil {
		c.t.Fatalf("wstest: %s received %s, but it has an error%s", c, what, c.inbox)
	}
	if err := f.message.decode(out); err != nil {
		c.t.Fatalf("wstest: %s received %s, but %v%s", c, what, err, c.inbox)
	}
}

// ExpectFrame consumes the first frame whose text is pattern, in which "…" or "..." matches any
// text. It compares bytes, so the spaces of JSON count. The frames of this library have none, those
// of the gateway itself have some:
//
//	alice.ExpectFrame(`{"message": "Forbidden", "connectionId":"…", "requestId":"…"}`)
//
// # Values that differ from run to run
//
// A ${name} in the pattern matches one value, such as an id, a number or a time: at least one
// character, and no white space, quotes, backslash, brackets or any of ",;<>". From then on the
// name has that value, for all clients of the harness: other frames with the name match only if
// they have the same one, and [Harness.Expand] puts it into what clients send. If a new name has
// several places in a pattern, the first decides. ${_} matches any one value and keeps none:
//
//	alice.ExpectFrame(`{"event":"joined","data":{"ticket":"${ticket}","at":"${_}"}}`)
//	bob.ExpectFrame(`{"event":"invited","data":"${ticket}"}`)
func (c *Client) ExpectFrame(pattern string) Frame {
	c.t.Helper()
	return c.await("the frame "+c.values.describe(pattern), func(f *received) bool {
		return c.values.match(pattern, f.Text)
	}).Frame
}

// ExpectNext consumes the next frame, which is the first that no Expect method has consumed and
// that is not empty. It fails the test unless the frame's text is pattern, as in
// [Client.ExpectFrame]. Use it where the order of frames matters, or that there are no others
// between:
//
//	alice.ExpectNext(`{"action":"join","id":"1","data":null}`)
//	alice.ExpectNext(`{"event":"joined","data":{"name":"Bob"}}`)
//
// The gateway keeps the order of the posts of one handler that waits for each, and of its answer
// after them. Frames that handlers send at the same time come in any order.
func (c *Client) ExpectNext(pattern string) Frame {
	c.t.Helper()
	what := "the next frame to be " + c.values.describe(pattern)
	f := c.await(what, func(f *received) bool { return f.Text != "" })
	if !c.values.match(pattern, f.Text) {
		c.inbox.putBack(f)
		c.t.Fatalf("wstest: %s expected %s, not %s%s", c, what, clip(f.Text), c.inbox)
	}
	return f.Frame
}

// ExpectNone fails the test if the client has received anything that no Expect method has consumed:
// a frame that is not empty, or a close by the gateway. In memory it does not wait. Over a socket
// it first waits until the gateway is idle and everything sent has arrived. It also fails if that
// takes longer than the timeout, for example because a handler blocks.
//
// At a deployed stage nobody can tell that nothing is on its way. There ExpectNone fails as soon as
// something arrives within a second after the stage has answered a ping of each client of the test;
// see [WithQuiet]. What comes later is missed.
func (c *Client) ExpectNone() {
	c.t.Helper()
	limit := c.timeout
	if limit <= 0 {
		limit = settleTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := c.link.settle(ctx); err != nil {
		c.t.Fatalf("wstest: %s expected nothing more, but: %v%s", c, err, c.inbox)
	}
	if c.inbox.unexpected() > 0 {
		c.t.Fatalf("wstest: %s expected nothing more%s", c, c.inbox)
	}
}

// ExpectClosed fails the test unless the gateway has closed the connection with that code, and
// returns the reason. Earlier frames can still be expected.
func (c *Client) ExpectClosed(code int) (reason string) {
	c.t.Helper()
	var end *closing
	waited := c.poll(func() (bool, state) {
		var st state
		end, st = c.inbox.takeClosing()
		return end != nil, st
	})
	if end == nil || end.code != code {
		c.t.Fatalf("wstest: %s expected the gateway to close the connection with %d%s%s", c, code, waited, c.inbox)
		return ""
	}
	return end.reason
}

// await consumes and returns the first frame that match accepts. It fails the test if there is
// none.
func (c *Client) await(what string, match func(*received) bool) *received {
	c.t.Helper()
	var found *received
	waited := c.poll(func() (bool, state) {
		var st state
		found, st = c.inbox.take(match)
		return found != nil, st
	})
	if found == nil {
		c.t.Fatalf("wstest: %s expected %s%s%s", c, what, waited, c.inbox)
	}
	return found
}

// poll calls look until it returns true or nothing more can arrive: in memory when everything has
// settled, otherwise when the connection has ended or the timeout has passed. If the timeout has
// passed, it returns a text for the failure.
func (c *Client) poll(look func() (bool, state)) (waited string) {
	ok, st := look()
	if ok || st.ended {
		return ""
	}
	if c.timeout <= 0 {
		ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
		defer cancel()
		_ = c.link.settle(ctx) // if it fails, look at what has arrived
		look()
		return ""
	}
	timer := time.NewTimer(c.timeout)
	defer timer.Stop()
	for !ok && !st.ended {
		select {
		case <-st.changed:
			ok, st = look()
		case <-timer.C:
			if ok, _ = look(); ok {
				return ""
			}
			return fmt.Sprintf(" within %v (see WithTimeout)", c.timeout)
		}
	}
	return ""
}

// Call is a request that a client has sent. A request has one answer: a reply, an acknowledgement
// or an error. Each Expect method consumes the answer, and fails the test if it is not the expected
// one.
type Call struct {
	client *Client
	action string
	id     string
}

// ID returns the id of the request.
func (r *Call) ID() string { return r.id }

// ExpectReply expects a reply and decodes its data into the pointer out. If out is nil, the data is
// ignored.
func (r *Call) ExpectReply(out any) {
	c := r.client
	c.t.Helper()
	f := r.await("a reply")
	if f.message.Error != nil {
		c.t.Fatalf("wstest: %s expected a reply to %s, not an error%s", c, r.describe(), c.inbox)
	}
	if err := f.message.decode(out); err != nil {
		c.t.Fatalf("wstest: %s received a reply to %s, but %v%s", c, r.describe(), err, c.inbox)
	}
}

// ExpectAck expects an acknowledgement, which is a reply whose data is null. A route without a
// reply sends it.
func (r *Call) ExpectAck() {
	c := r.client
	c.t.Helper()
	if f := r.await("an acknowledgement"); f.message.Error != nil || !f.message.isNull() {
		c.t.Fatalf("wstest: %s expected an acknowledgement of %s, not a reply with data or an error%s", c, r.describe(), c.inbox)
	}
}

// ExpectError expects an error with that code, and returns it.
func (r *Call) ExpectError(code gatesock.Code) Failure {
	c := r.client
	c.t.Helper()
	f := r.await("an error")
	if f.message.Error == nil || f.message.Error.Code != code {
		c.t.Fatalf("wstest: %s expected an error with code %q for %s%s", c, code, r.describe(), c.inbox)
		return Failure{}
	}
	return f.message.Error.failure()
}

// ExpectResult expects the result of a request to a route of package async: a push with the id of
// the request. It decodes its data into the pointer out. If out is nil, the data is ignored. The
// acknowledgement of the request is another frame, see [Call.ExpectAck].
func (r *Call) ExpectResult(out any) {
	c := r.client
	c.t.Helper()
	f := r.awaitResult("a result")
	if f.message.Error != nil {
		c.t.Fatalf("wstest: %s expected a result of %s, not an error%s", c, r.describe(), c.inbox)
	}
	if err := f.message.decode(out); err != nil {
		c.t.Fatalf("wstest: %s received a result of %s, but %v%s", c, r.describe(), err, c.inbox)
	}
}

// ExpectResultError expects that the result of a request to a route of package async is an error
// with that code, and returns it. See [Call.ExpectResult].
func (r *Call) ExpectResultError(code gatesock.Code) Failure {
	c := r.client
	c.t.Helper()
	f := r.awaitResult("an error as the result")
	if f.message.Error == nil || f.message.Error.Code != code {
		c.t.Fatalf("wstest: %s expected an error with code %q as the result of %s%s", c, code, r.describe(), c.inbox)
		return Failure{}
	}
	return f.message.Error.failure()
}

func (r *Call) awaitResult(what string) *received {
	r.client.t.Helper()
	return r.client.await(fmt.Sprintf("%s of %s", what, r.describe()), func(f *received) bool {
		return f.message.Event == r.action && f.message.ID != nil && *f.message.ID == r.id
	})
}

// describe returns the name of the request in failures.
func (r *Call) describe() string { return fmt.Sprintf("%q with id %q", r.action, r.id) }

func (r *Call) await(what string) *received {
	r.client.t.Helper()
	return r.client.await(fmt.Sprintf("%s to %s", what, r.describe()), func(f *received) bool { return f.message.answers(r.id) })
}
