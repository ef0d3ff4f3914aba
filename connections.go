package gatesock

import (
	"context"
	"time"
)

// ConnectionsAPI is the gateway's @connections API: it posts to connections, returns what the gateway knows of them, and closes
// them (AWS, "API Gateway Management API reference"). The clients of package apigw have it, the Gateway of package emulator and
// the Recorder of package wstest.
//
// Its errors are those of a [Poster]: all three methods fail with [ErrGone] for a connection that is not open. It is safe for
// concurrent use.
type ConnectionsAPI interface {
	Poster
	Disconnector

	// Info returns what the gateway knows about an open connection.
	Info(ctx context.Context, of Target) (ConnectionInfo, error)
}

// Disconnector closes connections. The clients of package apigw, the Gateway of package emulator and the Recorder of
// package wstest implement it. Its errors are those of a [Poster]. It is safe for concurrent use.
type Disconnector interface {
	// Disconnect closes a connection. The client sees close code 1000, and the $disconnect event follows.
	Disconnect(ctx context.Context, from Target) error
}

// ConnectionInfo is what the gateway knows about an open connection. Times are in milliseconds, UTC.
type ConnectionInfo struct {
	// ConnectedAt is when the connection was opened.
	ConnectedAt time.Time
	// LastActiveAt is the time of the last message in either direction.
	LastActiveAt time.Time
	// Identity has the source address and the user agent; the agent is empty if the client sent none.
	Identity Identity
}
