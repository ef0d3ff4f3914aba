// Package errorcode explains the codes of error frames, for documents and types that are made from
// a description. docs/protocol.md has the same table.
package errorcode

import "github.com/gatesock/gatesock"

// Explained is a code with what it means for a client.
type Explained struct {
	Code gatesock.Code
	// Means says when an error has the code, and Retry whether it makes sense to try again.
	Means, Retry string
}

// All returns the codes of the protocol in the order of docs/protocol.md. An application may send
// other codes, which clients treat as internal.
func All() []Explained {
	return []Explained{
		{gatesock.CodeInvalidArgument, "the request is malformed, or its values are", "not unchanged"},
		{gatesock.CodeUnauthenticated, "the client is not authenticated, or not any more", "after signing in"},
		{gatesock.CodePermissionDenied, "the client is authenticated, but not allowed to do this", "no"},
		{gatesock.CodeNotFound, "the thing, or the action, does not exist", "no"},
		{gatesock.CodeAlreadyExists, "the thing to create exists", "no"},
		{gatesock.CodeStaleConnection, "the server does not know this connection any more", "on a new connection"},
		{gatesock.CodeFailedPrecondition, "the state does not permit it", "after the state has changed"},
		{gatesock.CodeTooLarge, "the request or its answer is above a limit", "not unchanged"},
		{gatesock.CodeRateLimited, "too many requests", "after retryAfterMs"},
		{gatesock.CodeUnavailable, "a service that the server needs is down", "yes, with backoff"},
		{gatesock.CodeDeadlineExceeded, "it took too long, and may have been done", "if that is harmless"},
		{gatesock.CodeInternal, "a fault of the server", "if that is harmless"},
	}
}
