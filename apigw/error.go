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

// ErrTimeout says that the gateway did not answer within the time that [WithTimeout] sets, or [Client.Prepare]. Whether it
// took the message is not known, unless the error matches [gatesock.ErrNotSent] too. What matches it also matches
// [context.DeadlineExceeded], as where the time of the caller's context is up, but not the reverse.
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
	sent      bool // a byte of the request may have gone out
	late      bool // the request's own time was up
	err       error
}

// wrap puts a fault into this library's terms. ctx is the caller's context. An answer of the gateway comes before what
// became of that meanwhile.
func (c call) wrap(ctx context.Context, f fault) error {
	f.err = printable{f.err}
	err := f.err
	if sentinel := f.meaning(); sentinel != nil {
		err = fmt.Errorf("%w: %w", sentinel, err)
	} else if f.status < http.StatusMultipleChoices { // no answer, or not all of it
		err = c.unanswered(ctx, f)
	}
	return fmt.Errorf("apigw: %s %.100q: %w", c.operation, c.connectionID, err)
}

// unanswered says why no answer came, and whether something was sent.
func (c call) unanswered(ctx context.Context, f fault) error {
	err := f.err
	if cause := ended(ctx); cause != nil {
		err = fmt.Errorf("%w: %w", cause, err)
	} else if f.late {
		late := fmt.Errorf("%w: %s passed: %w", ErrTimeout, c.timeout, context.DeadlineExceeded)
		if err = late; !f.sent {
			err = because(late, f.err)
		}
	}
	if !f.sent {
		err = fmt.Errorf("%w: %w", gatesock.ErrNotSent, err)
	}
	return err
}

// because adds to an error what led to it, by its text alone unless it is a connection that could not be opened: that of a
// call which we ended is not an end of the caller's context.
func because(err, cause error) error {
	if isDial(cause) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return fmt.Errorf("%w: %v", err, cause) //nolint:errorlint // See above.
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
