package topic

import (
	"context"
	"errors"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// publicError returns what the client sees of the error of one topic of several.
func (s *routes) publicError(ctx context.Context, req *gatesock.Request, err error) *topicwire.Error {
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
	if gatesock.CodeOf(err).HTTPStatus() >= 500 {
		s.slog().ErrorContext(ctx, "topic: a topic of several could not be subscribed to",
			"connectionId", req.ConnectionID, "code", e.Code, "error", err)
	}
	return e
}
