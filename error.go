package gatesock

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

// Code is the kind of an [Error]. Error frames contain it, and docs/protocol.md explains to clients
// what each code means.
type Code string

// The codes of the protocol. The number is the HTTP status with which $connect refuses a handshake.
const (
	CodeInvalidArgument    Code = "invalid_argument"    // 400: the message or one of its values is malformed
	CodeUnauthenticated    Code = "unauthenticated"     // 401: the client has not proved its identity
	CodePermissionDenied   Code = "permission_denied"   // 403: the client is known, but not allowed
	CodeNotFound           Code = "not_found"           // 404: the thing or the action does not exist
	CodeAlreadyExists      Code = "already_exists"      // 409: the thing to create exists
	CodeStaleConnection    Code = "stale_connection"    // 410: the connection is no longer registered; connect again
	CodeFailedPrecondition Code = "failed_precondition" // 412: the state does not permit it, for example "join first"
	CodeTooLarge           Code = "too_large"           // 413: a size limit is exceeded
	CodeRateLimited        Code = "rate_limited"        // 429: try again after RetryAfter
	CodeUnavailable        Code = "unavailable"         // 503: a dependency is down; try again
	CodeDeadlineExceeded   Code = "deadline_exceeded"   // 504: it took too long; it may have been done
	CodeInternal           Code = "internal"            // 500: a fault of the application
)

// HTTPStatus returns the status with which $connect refuses a handshake for this code. It is 500
// for a code that is not in the protocol.
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

// Error is an error that the client sees: a handler returns one to refuse a request. The client
// receives Code, Message, RetryAfter and Details. The cause is for the log, and never reaches the
// client.
//
//	return gatesock.Errorf(gatesock.CodeNotFound, "there is no room %q", name)
//	return gatesock.Errorf(gatesock.CodeUnavailable, "history is not available").WithCause(err)
//
// For a message the client receives an error frame:
//
//	{"id":"1","action":"join","error":{"code":"not_found","message":"there is no room \"x\""}}
//
// A handshake that $connect refuses ends with the status of the code, [Code.HTTPStatus]. The
// gateway sends nothing else with it.
//
// # Other errors
//
// A handler may return any error. If it wraps an *Error, the client receives the first one that
// [errors.As] finds. If not, the client receives [CodeDeadlineExceeded] for
// [context.DeadlineExceeded] and [os.ErrDeadlineExceeded], and [CodeInternal] for all others, with
// a message that reveals nothing. [context.Canceled] is internal too, because only the program
// itself cancels the context of a handler.
type Error struct {
	// Code is the kind of failure. If it is empty, the client receives [CodeInternal].
	Code Code
	// Message is public: the client sees it.
	Message string
	// RetryAfter, if positive, is how long the client should wait. It is sent in whole milliseconds,
	// rounded up.
	RetryAfter time.Duration
	// Details is encoded by the route's [Codec] into the error frame. If it is nil, the frame has no
	// details.
	Details any

	cause error
}

// Errorf returns an *Error with a public message, formatted by [fmt.Sprintf]. It does not support
// %w, because the client would see the text of the wrapped error. To keep an error for the log, use
// [Error.WithCause].
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithCause returns a copy of the error that wraps cause, for the log and for [errors.Is]. The
// client does not see it.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithDetails returns a copy of the error with details for the client.
func (e *Error) WithDetails(details any) *Error {
	c := *e
	c.Details = details
	return &c
}

// WithRetryAfter returns a copy of the error that asks the client to wait for d.
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

// CodeOf returns the code that a client receives for err, by the rules of [Error]. It returns ""
// for a nil error.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return publicError(err).Code
}

// publicError returns the *Error that the client receives for err.
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
