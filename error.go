package gatesock

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

// Code says what kind of failure an [Error] is. It travels in error frames; docs/protocol.md lists what each
// means to a client.
type Code string

// The codes of the protocol. On $connect a code becomes the status of the handshake, in parentheses.
const (
	CodeInvalidArgument    Code = "invalid_argument"    // the message is malformed or its values are (400)
	CodeUnauthenticated    Code = "unauthenticated"     // who is asking is not known (401)
	CodePermissionDenied   Code = "permission_denied"   // known, but not allowed (403)
	CodeNotFound           Code = "not_found"           // the thing or the action does not exist (404)
	CodeAlreadyExists      Code = "already_exists"      // the thing to create exists (409)
	CodeStaleConnection    Code = "stale_connection"    // the connection is not registered any more: connect again (410)
	CodeFailedPrecondition Code = "failed_precondition" // the state does not permit it, as with "join first" (412)
	CodeTooLarge           Code = "too_large"           // above a size limit (413)
	CodeRateLimited        Code = "rate_limited"        // try again after the stated time (429)
	CodeUnavailable        Code = "unavailable"         // a dependency is down; try again (503)
	CodeDeadlineExceeded   Code = "deadline_exceeded"   // it took too long; it may have been done (504)
	CodeInternal           Code = "internal"            // a fault of the application (500)
)

// HTTPStatus returns the status of a handshake that $connect refuses with this code; 500 for a code that is not
// one of the protocol's.
func (c Code) HTTPStatus() int {
	switch c {
	case CodeInvalidArgument:
		return http.StatusBadRequest
	case CodeUnauthenticated:
		return http.StatusUnauthorized
	case CodePermissionDenied:
		return http.StatusForbidden
	case CodeNotFound:
		return http.StatusNotFound
	case CodeAlreadyExists:
		return http.StatusConflict
	case CodeStaleConnection:
		return http.StatusGone
	case CodeFailedPrecondition:
		return http.StatusPreconditionFailed
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeRateLimited:
		return http.StatusTooManyRequests
	case CodeUnavailable:
		return http.StatusServiceUnavailable
	case CodeDeadlineExceeded:
		return http.StatusGatewayTimeout
	case CodeInternal:
		return http.StatusInternalServerError
	default:
		return http.StatusInternalServerError
	}
}

// Error is an error that a client may see. Code, Message, RetryAfter and Details go over the wire; the cause
// never does, and is logged by the [Router].
//
//	return gatesock.Errorf(gatesock.CodeNotFound, "there is no room %q", name)
//	return gatesock.Errorf(gatesock.CodeUnavailable, "history is not available").WithCause(err)
//
// An error that is not an *Error, and wraps none, reaches the client as [CodeDeadlineExceeded] if it wraps
// [context.DeadlineExceeded] or [os.ErrDeadlineExceeded], and as [CodeInternal] otherwise, with a message that tells
// nothing. [context.Canceled] is internal: only the program itself cancels the context of a handler. An *Error is what the
// application chose to say, and so counts before a deadline that it wraps or is joined with.
type Error struct {
	// Code is the kind of failure. An empty one stands for [CodeInternal].
	Code Code
	// Message is public: it is shown to the client.
	Message string
	// RetryAfter, if positive, tells the client how long to wait; it travels in whole milliseconds,
	// rounded up.
	RetryAfter time.Duration
	// Details is encoded by the route's [Codec] into the error frame; nil leaves it out.
	Details any

	cause error
}

// Errorf returns an *Error with a public message. It does not know the verb %w, on purpose: what is in the
// message is seen by the client. Use [Error.WithCause] to keep the error behind it.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithCause returns a copy of the error that wraps cause, for the log and for [errors.Is].
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithDetails returns a copy of the error that carries details to the client.
func (e *Error) WithDetails(details any) *Error {
	c := *e
	c.Details = details
	return &c
}

// WithRetryAfter returns a copy of the error that tells the client to wait for d.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Error returns the code, the message and the cause, for logs. It is not what the client sees.
func (e *Error) Error() string {
	if e == nil {
		return "nil *gatesock.Error"
	}
	s := string(e.Code)
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.cause
}

// CodeOf returns the code that err reaches a client with: that of the first *Error in its tree; without one
// [CodeDeadlineExceeded] for a deadline that has passed, and [CodeInternal] for anything else. It is empty for a nil error.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return publicError(err).Code
}

// publicError returns the *Error that stands for err on the wire.
func publicError(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e) && e != nil:
		if e.Code == "" {
			c := *e
			c.Code = CodeInternal
			return &c
		}
		return e
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return deadlineError(err)
	default:
		return &Error{Code: CodeInternal, Message: "internal error", cause: err}
	}
}

// deadlineError returns the *Error for a request that took too long.
func deadlineError(cause error) *Error {
	return &Error{Code: CodeDeadlineExceeded, Message: "it took too long; it may or may not have been done", cause: cause}
}
