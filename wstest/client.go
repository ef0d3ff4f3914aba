package wstest

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatesock/gatesock/emulator"
)

// Client is a connected client, in memory ([Harness.Connect]), over a socket ([Server.Dial]), or
// wherever the test runs ([Place.Connect]). It
// sends with [Client.Request], [Client.Send] and [Client.SendText], and expects frames with the
// Expect methods. If it cannot send, or does not receive what it expects, it fails the test at
// once.
//
// A Client is safe for concurrent use. Only the test's own goroutine may fail the test, because
// package testing permits FailNow in no other.
type Client struct {
	t           testing.TB
	name        string
	id          string
	subprotocol string
	link        link
	inbox       *inbox
	timeout     time.Duration
	ids         *atomic.Uint64 // of the harness, so that no two clients use the same id
	values      *values        // of the harness, so that clients can compare what they receive
}

// link connects a client to its gateway.
type link interface {
	// send sends a message. In memory it returns when everything that the message causes has happened.
	send(ctx context.Context, data []byte, binary bool) error
	// close sends a close frame and waits for $disconnect. Code 0 is a frame without a code.
	close(ctx context.Context, code int, reason string) error
	// abort breaks the connection and waits for $disconnect.
	abort(ctx context.Context) error
	// settle returns when the client has received everything that was on its way.
	settle(ctx context.Context) error
}

// settleTimeout bounds the waits for what should happen without the test, such as the end of
// $disconnect, and is the default of [WithTimeout]. Only a failing test waits for so long, and
// sometimes a busy machine. It is longer than the gateway's integration timeout, so that over
// sockets the gateway answers first.
const settleTimeout = 30 * time.Second

// ID returns the connection id. Over a socket it comes from the $connect event, and is empty if the
// API has no such route. It is also empty at a deployed stage, because API Gateway does not tell
// clients.
func (c *Client) ID() string { return c.id }

// Subprotocol returns the subprotocol that the handler of $connect selected, or "" if it selected
// none.
func (c *Client) Subprotocol() string { return c.subprotocol }

// Frames returns all frames that the client has received, in order, including empty and matched
// ones. Over a socket, call it after an Expect method, because frames may still be on their way.
func (c *Client) Frames() []Frame { return c.inbox.all() }

// String returns the name of the client in failures.
func (c *Client) String() string {
	if c.id == "" {
		return clip(c.name)
	}
	return fmt.Sprintf("%s (%s)", clip(c.name), c.id)
}

// Request sends a request with an unused id, {"action":action,"id":"…", …the members of v}, and
// returns a [Call] for its answer:
//
//	var sum Sum
//	client.Request("add", Add{A: 1, B: 2}).ExpectReply(&sum)
//
// v must encode to a JSON object. If it is nil, the request has no members of its own. If the App
// has other names for the members ([gatesock.WithEnvelope]), the client uses them, also in what it
// receives.
//
// In memory, Request returns when the handler has returned, and its answer and its posts are
// delivered.
func (c *Client) Request(action string, v any) *Call {
	c.t.Helper()
	call := &Call{client: c, action: action, id: strconv.FormatUint(c.ids.Add(1), 10)}
	c.request(action, call.id, v)
	return call
}

// Send sends a request without an id. A route without a reply does not answer it. It is otherwise
// like [Client.Request].
//
// The API itself answers on the route of [gatesock.WithKeepAlive], and never with an id:
//
//	client.Send("keepalive", nil)
//	client.ExpectFrame(`{"action":"keepalive","data":null}`)
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

// SendText sends any text message, in one frame. Above 32 KiB the gateway closes the connection.
func (c *Client) SendText(text string) {
	c.t.Helper()
	c.send([]byte(text), false)
}

// SendBinary sends a binary message. The gateway closes the connection for it.
func (c *Client) SendBinary(data []byte) {
	c.t.Helper()
	c.send(data, true)
}

func (c *Client) send(data []byte, binary bool) {
	c.t.Helper()
	for again := true; again; again = c.lost(data) {
		if err := c.link.send(context.Background(), data, binary); err != nil {
			c.t.Fatalf("wstest: %s can't send: %v%s", c, err, c.inbox)
		}
	}
}

// Close closes the connection with a close frame of that code and reason. With code 0 the frame has
// no code, like that of a browser's close(). Close returns when $disconnect has ended, except at a
// deployed stage, where nobody can tell. If the connection has already ended, it does nothing.
func (c *Client) Close(code int, reason string) {
	c.t.Helper()
	c.hangUp(func(ctx context.Context) error { return c.link.close(ctx, code, reason) })
}

// Abort breaks the connection without a close frame. The gateway notices at once; on AWS that may
// take until the idle timeout. Abort returns when $disconnect has ended, and at a deployed stage at
// once. If the connection has already ended, it does nothing.
func (c *Client) Abort() {
	c.t.Helper()
	c.hangUp(c.link.abort)
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

// memoryLink is a link without a socket. It is also the [emulator.Client] that the gateway sends
// to.
type memoryLink struct {
	harness *Harness
	session *emulator.Session
	inbox   *inbox
}

// Send receives a message from the gateway.
func (l *memoryLink) Send(data []byte) error {
	l.inbox.add(string(data))
	return nil
}

// Close receives the gateway's close frame.
func (l *memoryLink) Close(code int, reason string) {
	l.inbox.end(closing{code: code, reason: reason})
}

func (l *memoryLink) send(ctx context.Context, data []byte, binary bool) error {
	limit := l.harness.patience()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := l.session.Receive(ctx, emulator.Message{Data: data, Binary: binary}); err != nil {
		return err
	}
	if ctx.Err() == nil {
		return nil
	}
	return l.harness.watch.unfinished(l.session.ID(), limit)
}

func (l *memoryLink) close(ctx context.Context, code int, reason string) error {
	l.session.Close(ctx, code, reason)
	return ctx.Err()
}

func (l *memoryLink) abort(ctx context.Context) error {
	l.session.Abort(ctx)
	return ctx.Err()
}

// settle waits for the $disconnect of connections that were closed through the @connections API.
// Everything else has happened when the call that causes it returns.
func (l *memoryLink) settle(ctx context.Context) error { return l.harness.awaitDisconnects(ctx) }
