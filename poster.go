package gatesock

import (
	"context"
	"errors"
	"time"
)

// Poster sends messages to open connections. The clients of package apigw, the Gateway of package
// emulator and the Recorder of package wstest are Posters. A Poster is safe for concurrent use.
type Poster interface {
	// Post sends one message and returns when the gateway has accepted or refused it. A nil error
	// means that the gateway accepted it, not that the client has read it. [ErrGone] and the errors
	// beside it are those that callers can act on. Post does not retry, and does not keep or change
	// data.
	Post(ctx context.Context, to Target, data []byte) error
}

// Preparer is a Poster that can do once what posting one message to many connections has in common,
// such as hashing it for the signature. Package broadcast uses it if a Poster implements it.
type Preparer interface {
	Poster

	// Prepare returns a function that posts data as Post does, with the same errors. The function is
	// safe for concurrent use, may be used for as long as the Poster, and holds nothing that must be
	// closed. data must not be changed while the function is in use.
	//
	// The timeout bounds each post by itself, from the moment it can go out. Time spent waiting in the
	// Poster, for a free connection to the gateway or for other messages, does not count: only ctx
	// bounds it, and the error is then ErrNotSent. If the timeout is 0, the Poster chooses it.
	Prepare(data []byte, timeout time.Duration) func(ctx context.Context, to Target) error
}

// Disconnector closes connections. The clients of package apigw, the Gateway of package emulator
// and the Recorder of package wstest are Disconnectors. It is safe for concurrent use.
type Disconnector interface {
	// Disconnect closes a connection. The client sees close code 1000, and the $disconnect event
	// follows. Its errors are those of a [Poster].
	Disconnect(ctx context.Context, from Target) error
}

// ConnectionsAPI is the whole @connections API of the gateway: it posts to connections, closes them
// and returns what the gateway knows about them (AWS, "API Gateway Management API reference"). The
// clients of package apigw, the Gateway of package emulator and the Recorder of package wstest
// implement it. All its methods fail with [ErrGone] for a connection that is not open. It is safe
// for concurrent use.
type ConnectionsAPI interface {
	Poster
	Disconnector

	// Info returns what the gateway knows about an open connection.
	Info(ctx context.Context, of Target) (ConnectionInfo, error)
}

// Target names a connection.
type Target struct {
	// ConnectionID is the id that the gateway assigned to the connection.
	ConnectionID string
	// Endpoint is the base URL of the API's management endpoint, without "/@connections". If it is
	// empty, the client of the API uses its own.
	Endpoint string
}

// ConnectionInfo is what the gateway knows about an open connection. Times are in UTC, with
// millisecond precision.
type ConnectionInfo struct {
	// ConnectedAt is when the connection was opened.
	ConnectedAt time.Time
	// LastActiveAt is the time of the last message in either direction.
	LastActiveAt time.Time
	// Identity has the client's address and its user agent. The user agent is empty if the client sent
	// none.
	Identity Identity
}

// Errors that every [Poster] returns, to be matched with [errors.Is]. An error that matches none of
// them has another reason, such as a broken connection, a 5xx answer or a canceled context. It does
// not mean that the connection is gone.
var (
	// ErrGone means that the connection is closed, was never open, or is not open yet: the gateway
	// answers 410 even while the connection's own $connect runs (AWS re:Post, "410 GoneException"). No
	// other error justifies removing a connection from a registry.
	ErrGone = errors.New("gatesock: connection is gone")

	// ErrThrottled means that the account's rate is exceeded, or that this client reads too slowly and
	// its buffer at the gateway is full. The gateway answers 429 for both. The connection is open.
	ErrThrottled = errors.New("gatesock: post was throttled")

	// ErrTooLarge means that the message is larger than [MaxMessageSize].
	ErrTooLarge = errors.New("gatesock: payload is too large")

	// ErrForbidden means that the credentials do not permit posting to this API
	// (execute-api:ManageConnections is missing), or that the endpoint is not an API's. It would fail
	// for every connection of that endpoint.
	ErrForbidden = errors.New("gatesock: post was forbidden")

	// ErrBadConnectionID means that the connection id is malformed.
	ErrBadConnectionID = errors.New("gatesock: malformed connection id")

	// ErrNotSent means that the call ended, usually with its context, before any part of the message
	// was sent, for example while it waited for a free connection to the gateway. The message has not
	// arrived, and posting it later is safe. If an error does not match ErrNotSent, the message may or
	// may not have been sent.
	ErrNotSent = errors.New("gatesock: nothing was sent")
)

// Sizes that the gateway enforces, in bytes (AWS Developer Guide, "Quotas for configuring and
// running a WebSocket API"). They cannot be raised.
const (
	// MaxMessageSize is the size of the largest message in either direction.
	MaxMessageSize = 128 << 10
	// MaxFrameSize is the size of the largest WebSocket frame that a client may send. A larger message
	// must be sent in several frames, which browsers cannot do.
	MaxFrameSize = 32 << 10
)
