package topic

import (
	"context"
	"errors"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// publicError returns what the client sees of the error of one topic of several.
func (s *routes) publicError(ctx context.Context, req *gatesock.Request, err error) *topicwire.Error {
	e := &topicwire.Error{Code: string(gatesock.CodeOf(err))}
	var public *gatesock.Error
	if errors.As(err, &public) {
		e.Message = public.Message
		e.RetryAfterMs = public.RetryAfter.Milliseconds()
	}
	if e.Message == "" {
		e.Message = "the topic could not be subscribed to"
	}
	if gatesock.CodeOf(err).HTTPStatus() >= 500 {
		s.slog().ErrorContext(ctx, "topic: a topic of several could not be subscribed to",
			"connectionId", req.ConnectionID, "code", e.Code, "error", err)
	}
	return e
}
