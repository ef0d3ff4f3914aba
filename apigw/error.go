package apigw

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/oneline"
)

// ErrTimeout is the error of a call whose timeout, set by [WithTimeout] or [Client.Prepare], passed
// before the gateway's answer. Whether the gateway took the message is unknown, unless the error
// also matches [gatesock.ErrNotSent]. An error that matches ErrTimeout also matches
// [context.DeadlineExceeded], as the end of the caller's context does. The reverse does not hold.
var ErrTimeout = errors.New("apigw: no answer in time")

// call describes an operation in the texts of its errors.
type call struct {
	operation    string
	connectionID string
	timeout      time.Duration
}

// failure is why an operation failed, with the status and the type of the answer if there was one.
type failure struct {
	status    int
	errorType string
	sent      bool // a byte of the request may have gone out
	timedOut  bool // the timeout of the call had passed
	err       error
}

// wrap returns the error for a failure. ctx is the caller's context. An answer of the gateway
// counts even if ctx ended meanwhile.
func (c call) wrap(ctx context.Context, f failure) error {
	f.err = printable{f.err}
	err := f.err
	if sentinel := f.meaning(); sentinel != nil {
		err = fmt.Errorf("%w: %w", sentinel, err)
	} else if f.status < http.StatusMultipleChoices { // no answer, or only a part of one
		err = c.unanswered(ctx, f)
	}
	return fmt.Errorf("apigw: %s %.100q: %w", c.operation, c.connectionID, err)
}

// unanswered returns why no answer came, and whether something was sent.
func (c call) unanswered(ctx context.Context, f failure) error {
	err := f.err
	if cause := ended(ctx); cause != nil {
		err = fmt.Errorf("%w: %w", cause, err)
	} else if f.timedOut {
		passed := fmt.Errorf("%w: %s passed: %w", ErrTimeout, c.timeout, context.DeadlineExceeded)
		if err = passed; !f.sent {
			err = because(passed, f.err)
		}
	}
	if !f.sent {
		err = fmt.Errorf("%w: %w", gatesock.ErrNotSent, err)
	}
	return err
}

// because adds a cause to an error. It adds only its text, unless the cause is a connection that
// could not be opened: the end of a call by its own timeout must not look like the end of the
// caller's context.
func because(err, cause error) error {
	if isDial(cause) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return fmt.Errorf("%w: %v", err, cause) //nolint:errorlint // See above.
}

// ended returns the cause of a context's end, or nil. A connection may notice its deadline before
// the context does.
func ended(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// meaning returns the sentinel for an answer of the gateway, or nil. The type comes before the
// status. The status has to do where there is no type: the body of a 410 is empty or is not JSON,
// and older gateways did not set its type (observed: georgeboot/laravel-echo-api-gateway#9,
// aws-sdk-js#2591).
func (f failure) meaning() error {
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
	// The answer is 404 for a path without an API (observed: simple-websockets-chat-app#40), and
	// 403 for a missing stage.
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

// maxErrorText is how much text of an error of the SDK or of net/http is shown, in bytes. It may
// quote the gateway.
const maxErrorText = 4 * maxText

// printable is an error whose text cannot break a line of a log.
type printable struct{ error }

func (p printable) Error() string { return oneline.Of(p.error.Error(), maxErrorText) }
func (p printable) Unwrap() error { return p.error }
