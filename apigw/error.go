package apigw

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
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

// wrap puts the SDK's error into this library's terms. ctx is the caller's context, bounded the one with
// the deadline of this call. An answer of the gateway comes before what became of the contexts meanwhile.
func (c call) wrap(ctx, bounded context.Context, err error) error {
	prefix := fmt.Sprintf("apigw: %s %q", c.operation, c.connectionID)
	if sentinel := meaning(err); sentinel != nil {
		return fmt.Errorf("%s: %w: %w", prefix, sentinel, err)
	}
	if statusOf(err) < http.StatusMultipleChoices { // no answer, or not all of it
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w: %w", prefix, context.Cause(ctx), err)
		}
		if bounded.Err() != nil {
			return fmt.Errorf("%s: %w: %s passed: %w", prefix, ErrTimeout, c.timeout, context.DeadlineExceeded)
		}
	}
	return fmt.Errorf("%s: %w", prefix, err)
}

// meaning gives the sentinel for an answer of the gateway, nil for a fault. The SDK's types come first, then the
// status alone: the body of a 410 is empty or is not JSON, and older gateways did not name its type
// (observed: georgeboot/laravel-echo-api-gateway#9, aws-sdk-js#2591).
func meaning(err error) error {
	var (
		gone      *types.GoneException
		forbidden *types.ForbiddenException
		limit     *types.LimitExceededException
		large     *types.PayloadTooLargeException
	)
	switch {
	case errors.As(err, &gone):
		return gatesock.ErrGone
	case errors.As(err, &forbidden):
		return gatesock.ErrForbidden
	case errors.As(err, &limit):
		return gatesock.ErrThrottled
	case errors.As(err, &large):
		return gatesock.ErrTooLarge
	}
	switch statusOf(err) {
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

// statusOf gives the status of the answer that err is about, 0 if there was none.
func statusOf(err error) int {
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) || answer.Response == nil || answer.Response.Response == nil {
		return 0
	}
	return answer.HTTPStatusCode()
}
