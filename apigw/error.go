package apigw

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
)

// ErrTimeout says that the gateway did not answer within the time that [WithTimeout] sets. Whether it took the
// message is not known. What matches it also matches [context.DeadlineExceeded], as where the time of the caller's
// context is up, but not the reverse.
var ErrTimeout = errors.New("apigw: no answer in time")

// call is what an error's text says about an operation that failed.
type call struct {
	operation    string
	connectionID string
	timeout      time.Duration
}

// fault is why an operation failed, with the status and the type of the answer if there was one.
type fault struct {
	status    int
	errorType string
	err       error
}

// wrap puts a fault into this library's terms. ctx is the caller's context, and deadline that of this call. An answer
// of the gateway comes before what became of them meanwhile.
func (c call) wrap(ctx context.Context, deadline time.Time, f fault) error {
	prefix := fmt.Sprintf("apigw: %s %q", c.operation, c.connectionID)
	if sentinel := f.meaning(); sentinel != nil {
		return fmt.Errorf("%s: %w: %w", prefix, sentinel, f.err)
	}
	if f.status < http.StatusMultipleChoices { // no answer, or not all of it
		if cause := ended(ctx); cause != nil {
			return fmt.Errorf("%s: %w: %w", prefix, cause, f.err)
		}
		if !time.Now().Before(deadline) {
			return fmt.Errorf("%s: %w: %s passed: %w", prefix, ErrTimeout, c.timeout, context.DeadlineExceeded)
		}
	}
	return fmt.Errorf("%s: %w", prefix, f.err)
}

// ended gives the cause of a context's end. A connection's deadline may be noticed before the context's own.
func ended(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// meaning gives the sentinel for an answer of the gateway, nil for a fault. The type comes first, then the
// status alone: the body of a 410 is empty or is not JSON, and older gateways did not name its type
// (observed: georgeboot/laravel-echo-api-gateway#9, aws-sdk-js#2591).
func (f fault) meaning() error {
	switch strings.ToLower(f.errorType) {
	case "goneexception":
		return gatesock.ErrGone
	case "forbiddenexception":
		return gatesock.ErrForbidden
	case "limitexceededexception":
		return gatesock.ErrThrottled
	case "payloadtoolargeexception":
		return gatesock.ErrTooLarge
	}
	switch f.status {
	case http.StatusGone:
		return gatesock.ErrGone
	// A path that is no API's answers 404 (observed: simple-websockets-chat-app#40), a stage that is missing 403.
	case http.StatusForbidden, http.StatusNotFound:
		return gatesock.ErrForbidden
	case http.StatusTooManyRequests:
		return gatesock.ErrThrottled
	case http.StatusRequestEntityTooLarge:
		return gatesock.ErrTooLarge
	case http.StatusBadRequest:
		return gatesock.ErrBadConnectionID
	default:
		return nil
	}
}
