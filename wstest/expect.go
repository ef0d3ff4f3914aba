package wstest

import (
	"context"
	"fmt"
	"time"

	"github.com/gatesock/gatesock"
)

// ExpectPush consumes the first push of that event, whatever its topic, and decodes its data into out, a pointer; nil
// leaves it. Frames before it stay to be expected.
func (c *Client) ExpectPush(event string, out any) {
	c.t.Helper()
	c.expectPush(fmt.Sprintf("a push of event %q", event), out, func(m message) bool { return m.Event == event })
}

// ExpectPushOn is [Client.ExpectPush] for a push with that topic.
func (c *Client) ExpectPushOn(topic, event string, out any) {
	c.t.Helper()
	c.expectPush(fmt.Sprintf("a push of event %q on topic %q", event, topic), out, func(m message) bool {
		return m.Event == event && m.Topic == topic
	})
}

func (c *Client) expectPush(what string, out any, match func(message) bool) {
	c.t.Helper()
	f := c.await(what, func(f *received) bool { return match(f.message) })
	if err := f.message.decode(out); err != nil {
		c.t.Fatalf("wstest: %s received %s, but %v%s", c, what, err, c.inbox)
	}
}

// ExpectFrame consumes the first frame whose text is pattern, byte for byte, in which "…" or "..." stands for any
// run of text:
//
//	alice.ExpectFrame(`{"message": "Forbidden", "connectionId":"…", "requestId":"…"}`)
func (c *Client) ExpectFrame(pattern string) Frame {
	c.t.Helper()
	return c.await("the frame "+pattern, func(f *received) bool { return matchText(pattern, f.Text) }).Frame
}

// ExpectNone demands that nothing was received that no Expect method has consumed: no frame but empty ones, and no
// close by the gateway. In memory it looks and does not wait. Over a socket it first waits until the gateway
// has come to rest and a ping has made its way there and back, behind all that was sent; it fails if that takes longer
// than the timeout, as with a handler that is held.
func (c *Client) ExpectNone() {
	c.t.Helper()
	limit := c.timeout
	if limit <= 0 {
		limit = settleTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := c.link.settle(ctx); err != nil {
		c.t.Fatalf("wstest: %s expected nothing more, but can't tell: %v%s", c, err, c.inbox)
	}
	if c.inbox.unexpected() > 0 {
		c.t.Fatalf("wstest: %s expected nothing more%s", c, c.inbox)
	}
}

// ExpectClosed demands that the gateway has closed the connection with that code, and gives the reason. Frames that
// came before stay to be expected.
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

// await consumes the first frame that match accepts, and fails the test if none comes.
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

// poll calls look until it is content or nothing more can come: in memory when all is at rest, otherwise when the
// connection has ended or the timeout has passed. Then it says so, for a failure.
func (c *Client) poll(look func() (bool, state)) (waited string) {
	ok, st := look()
	if ok || st.ended {
		return ""
	}
	if c.timeout <= 0 {
		ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
		defer cancel()
		_ = c.link.settle(ctx) // if it fails, what has come is all there is to look at
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

// Call is a request that was sent, to expect its answer by. A request has one answer: a reply, an acknowledgement or an
// error; each of the methods consumes it.
type Call struct {
	client *Client
	action string
	id     string
}

// ID is the id of the request.
func (r *Call) ID() string { return r.id }

// ExpectReply consumes the reply and decodes its data into out, a pointer; nil leaves it.
func (r *Call) ExpectReply(out any) {
	c := r.client
	c.t.Helper()
	f := r.await("a reply")
	if f.message.Error != nil {
		c.t.Fatalf("wstest: %s expected a reply to %s, not an error%s", c, r, c.inbox)
	}
	if err := f.message.decode(out); err != nil {
		c.t.Fatalf("wstest: %s received a reply to %s, but %v%s", c, r, err, c.inbox)
	}
}

// ExpectAck consumes the acknowledgement of a request to a route without a reply: a reply whose data is null.
func (r *Call) ExpectAck() {
	c := r.client
	c.t.Helper()
	if f := r.await("an acknowledgement"); f.message.Error != nil || !f.message.isNull() {
		c.t.Fatalf("wstest: %s expected an acknowledgement of %s, not a reply with data or an error%s", c, r, c.inbox)
	}
}

// ExpectError consumes the error, demands that it has that code, and gives it.
func (r *Call) ExpectError(code gatesock.Code) Failure {
	c := r.client
	c.t.Helper()
	f := r.await("an error")
	if f.message.Error == nil || f.message.Error.Code != code {
		c.t.Fatalf("wstest: %s expected an error with code %q for %s%s", c, code, r, c.inbox)
		return Failure{}
	}
	return f.message.Error.failure()
}

// String names the request as failures do.
func (r *Call) String() string { return fmt.Sprintf("%q with id %q", r.action, r.id) }

func (r *Call) await(what string) *received {
	r.client.t.Helper()
	return r.client.await(fmt.Sprintf("%s to %s", what, r), func(f *received) bool { return f.message.answers(r.id) })
}
