package topic

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// ErrPush means that an event or a value is stored, but was not pushed to all subscribers, who make
// up for that; the error's text says so where they cannot. [Topics.Publish] and its kin return such
// errors beside a position, [Topics.Set] and its kin beside a version, and no others. Most callers
// have nothing to do then: [WithLoggedPushErrors] makes them be logged, and not returned.
var ErrPush = errors.New("topic: stored, but not pushed to all")

// pushError is an error that matches ErrPush.
type pushError struct{ error }

func notPushed(format string, args ...any) error {
	return &pushError{fmt.Errorf("topic: "+format, args...)}
}

// pushResult returns the error of pushes that a caller gets.
func (t *Topics) pushResult(ctx context.Context, err error) error {
	if err == nil || !t.logPushes {
		return err
	}
	t.slog().WarnContext(ctx, "topic: stored, but not pushed to all", "error", err)
	return nil
}

// Unwrap returns the cause.
func (e *pushError) Unwrap() error { return e.error }

// Is reports whether target is [ErrPush].
func (*pushError) Is(target error) bool { return target == ErrPush }

// refusal returns the result of a topic of several that has an error.
func (s *subscription) refusal() topicwire.Result {
	return topicwire.Result{Topic: s.want.Topic, Error: publicError(s.err)}
}

// publicError returns what the client sees of the error of one topic of several.
func publicError(err error) *topicwire.Error {
	e := &topicwire.Error{Code: string(gatesock.CodeOf(err))}
	var public *gatesock.Error
	switch {
	case errors.As(err, &public):
		e.Message = public.Message
		e.RetryAfterMs = max(0, (public.RetryAfter + time.Millisecond - 1).Milliseconds())
	case e.Code == string(gatesock.CodeDeadlineExceeded):
		e.Message = "it took too long; it may or may not have been done"
	default:
		e.Message = "internal error"
	}
	return e
}

// logRefusal logs the error of one topic of several if it is not the client's.
func (s *routes) logRefusal(ctx context.Context, req *gatesock.Request, err error) {
	if code := gatesock.CodeOf(err); code.HTTPStatus() >= 500 {
		s.slog().ErrorContext(ctx, "topic: a topic of several could not be subscribed to",
			"connectionId", req.ConnectionID, "code", string(code), "error", err)
	}
}
