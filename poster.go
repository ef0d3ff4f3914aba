package gatesock

import (
	"context"
	"errors"
	"time"
)

// Errors that every [Poster] returns, to be matched with [errors.Is]. An error that matches none of them is a
// fault on the way (a broken connection, a 5xx answer, a cancelled context) and says nothing about the
// connection that was posted to.
var (
	// ErrGone: the connection is closed, was never open, or is not open yet: the gateway answers 410 also
	// while the connection's own $connect runs (AWS re:Post, "410 GoneException"). It is the only error
	// that may lead to the connection's removal from a registry.
	ErrGone = errors.New("gatesock: connection is gone")

	// ErrThrottled: the account's rate is exceeded, or this one client reads too slowly and its buffer at the
	// gateway is full; the gateway answers 429 for both. The connection is alive.
	ErrThrottled = errors.New("gatesock: post was throttled")

	// ErrTooLarge: the payload is above [MaxMessageSize].
	ErrTooLarge = errors.New("gatesock: payload is too large")

	// ErrForbidden: the credentials may not post to this API (execute-api:ManageConnections is missing), or
	// the endpoint is not one of an API. It would fail for every connection of that endpoint.
	ErrForbidden = errors.New("gatesock: post was forbidden")

	// ErrBadConnectionID: the connection id has no valid form.
	ErrBadConnectionID = errors.New("gatesock: malformed connection id")

	// ErrNotSent: the call ended, usually with its context, before anything of the message was sent, as while it
	// waited for a free connection to the gateway. The message has not arrived, and posting it later is safe. An
	// error that does not match it says nothing about that.
	ErrNotSent = errors.New("gatesock: nothing was sent")
)

// Sizes that the gateway enforces, in bytes (AWS Developer Guide, "Quotas for configuring and running a
// WebSocket API"). They can't be raised.
const (
	// MaxMessageSize is the largest message in either direction.
	MaxMessageSize = 128 << 10
	// MaxFrameSize is the largest WebSocket frame that a client may send; a larger message has to be sent in
	// several frames, which browsers can't do.
	MaxFrameSize = 32 << 10
)

// Target names a connection to post to.
type Target struct {
	// ConnectionID is the id that the gateway gave the connection.
	ConnectionID string
	// Endpoint is the base URL of the API's management endpoint, without "/@connections". Empty means the
	// poster's own.
	Endpoint string
}

// Poster sends messages to connected clients. The @connections client in package apigw, the emulator, and
// the recorder in package wstest are Posters.
//
// A Poster is safe for concurrent use. Post returns when the gateway has taken or refused the message; nil
// means that the gateway took it, not that the client has read it. It does not retry. Post does not keep or
// change data.
type Poster interface {
	Post(ctx context.Context, to Target, data []byte) error
}

// Preparer is a Poster that can do once what the posts of one message to many connections have in common, such as
// hashing it for the signature. Package broadcast asks for it; a Poster need not be one.
type Preparer interface {
	Poster

	// Prepare returns a function that posts data as Post would, with the same errors. The function is safe for
	// concurrent use, may be used for as long as the Poster, and holds nothing that would have to be closed.
	// data must not be changed while it is in use.
	//
	// The timeout bounds each post by itself, from the moment that it has what it needs to go out: waiting in the
	// Poster, for a free connection to the gateway or for other messages, is bounded by ctx alone, and fails with
	// ErrNotSent. 0 leaves the time to the Poster.
	Prepare(data []byte, timeout time.Duration) func(ctx context.Context, to Target) error
}
