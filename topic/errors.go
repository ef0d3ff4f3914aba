package topic

import (
	"context"
	"errors"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/topicwire"
)

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
