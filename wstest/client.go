package wstest

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// Client is a connected client, in memory ([Harness.Connect]) or over a socket ([Server.Dial]). What it sends and
// expects fails the test at once, by FailNow, when it can't be.
//
// A Client is safe for concurrent use, but for what testing says about FailNow in other goroutines than the test's.
type Client struct {
	t           testing.TB
	name        string
	id          string
	subprotocol string
	link        link
	inbox       *inbox
	timeout     time.Duration
	refs        *atomic.Uint64 // of the harness: a reply to another client's request is none to ours
}

// link is a client's way to its gateway.
type link interface {
	// send sends a message. In memory it returns when all that the message causes has happened.
	send(ctx context.Context, data []byte, binary bool) error
	// close sends a close frame and waits for $disconnect; code 0 is a frame without a code.
	close(ctx context.Context, code int, reason string) error
	// drop breaks the connection and waits for $disconnect.
	drop(ctx context.Context) error
	// settle returns when everything that was on its way to the client is in its inbox.
	settle(ctx context.Context) error
}

// settleTimeout bounds the waits for what should come by itself, as the end of $disconnect, and is the default of
// [WithTimeout]. Only a test that fails waits for so long, and a machine that runs many tests at once needs it now and
// then. It is longer than the gateway's integration timeout, so that over sockets the gateway answers first.
const settleTimeout = 30 * time.Second

// ID is the connection id. Over a socket it is known from the event of $connect, and empty if the API has no such route.
func (c *Client) ID() string { return c.id }

// Subprotocol is the one that the handler of $connect chose, empty if none.
func (c *Client) Subprotocol() string { return c.subprotocol }

// Frames gives all that was received so far, in order: matched or not, empty frames too. Call it after an Expect
// method: over a socket frames may be on their way.
func (c *Client) Frames() []Frame { return c.inbox.all() }

// String names the client as failures do.
func (c *Client) String() string { return fmt.Sprintf("%s (%s)", clip(c.name), c.id) }

// Request sends a request with an id of its own, {"action":action,"id":"…", …the members of v}, and returns it
// as a [Call], to expect the answer by. Nil stands for no members; otherwise v must encode to a JSON object. The names of
// the members are those that the app describes ([gatesock.WithEnvelope]), in what the client receives too.
//
// In memory it returns when the handler has returned and its answer and its posts are delivered.
func (c *Client) Request(action string, v any) *Call {
	c.t.Helper()
	call := &Call{client: c, action: action, id: strconv.FormatUint(c.refs.Add(1), 10)}
	c.request(action, call.id, v)
	return call
}

// Send sends a request without an id, to which a route without a reply answers nothing. It is otherwise like
// [Client.Request].
func (c *Client) Send(action string, v any) {
	c.t.Helper()
	c.request(action, "", v)
}

func (c *Client) request(action, id string, v any) {
	c.t.Helper()
	frame, err := encodeRequest(action, id, v, c.inbox.names)
	if err != nil {
		c.t.Fatalf("wstest: %s can't send %q: %v", c, action, err)
	}
	c.SendText(frame)
}

// SendText sends a text message as it is, in one frame: above 32 KiB the gateway closes the connection.
func (c *Client) SendText(text string) {
	c.t.Helper()
	c.send([]byte(text), false)
}

// SendBinary sends a binary message, for which the gateway closes the connection.
func (c *Client) SendBinary(data []byte) {
	c.t.Helper()
	c.send(data, true)
}

func (c *Client) send(data []byte, binary bool) {
	c.t.Helper()
	if err := c.link.send(context.Background(), data, binary); err != nil {
		c.t.Fatalf("wstest: %s can't send: %v%s", c, err, c.inbox)
	}
}

// Close closes the connection from the client's side, with a close frame of that code and reason; code 0 sends
// none, as a browser's close(). It returns when $disconnect has ended. On a connection that has ended it does
// nothing.
func (c *Client) Close(code int, reason string) {
	c.t.Helper()
	c.hangUp(func(ctx context.Context) error { return c.link.close(ctx, code, reason) })
}

// Drop breaks the connection without a close frame. The gateway notices at once, which on AWS may take until the
// idle timeout. It returns when $disconnect has ended. On a connection that has ended it does nothing.
func (c *Client) Abort() {
	c.t.Helper()
	c.hangUp(c.link.drop)
}

func (c *Client) hangUp(end func(context.Context) error) {
	c.t.Helper()
	c.inbox.end(closing{own: true})
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	if err := end(ctx); err != nil {
		c.t.Fatalf("wstest: %s can't end its connection: %v%s", c, err, c.inbox)
	}
}
