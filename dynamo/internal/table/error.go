package table

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Ended returns the error of a context that has ended, or nil.
func Ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("dynamo: %w", context.Cause(ctx))
}

// Refused reports whether a write was not made because its condition did not hold, and returns the
// item that it met, if the request asked for it.
func Refused(err error) (Item, bool) {
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		return nil, false
	}
	return failed.Item, true
}

// Invalid reports whether DynamoDB will never accept a request like this one (Amazon DynamoDB
// Developer Guide, "Error handling with DynamoDB": ValidationException).
func Invalid(err error) bool {
	var failed smithy.APIError
	return errors.As(err, &failed) && failed.ErrorCode() == "ValidationException"
}

// TooLarge reports whether an update was refused because the item would have become larger than
// DynamoDB allows.
func TooLarge(err error) bool {
	var failed smithy.APIError
	return Invalid(err) && errors.As(err, &failed) &&
		strings.Contains(failed.ErrorMessage(), "exceeded the maximum allowed size")
}

// requestError is the error of a request after its last attempt.
type requestError struct {
	table string
	// undone is true if no attempt was carried out: DynamoDB has refused all of them, or did not get
	// them.
	undone bool
	err    error
}

func (e *requestError) Error() string { return fmt.Sprintf("table %q: %v", e.table, e.err) }
func (e *requestError) Unwrap() error { return e.err }

// OutcomeOf returns, for an error text, what the failed first write of an operation has done:
// otherwise, unless it is certain that nothing was written.
func OutcomeOf(err error, otherwise string) string {
	var e *requestError
	if errors.As(err, &e) && e.undone {
		return "nothing was written"
	}
	return otherwise
}

// describe adds to an error the table, the number of attempts, and the context's cause if that has
// ended.
func (t *Table) describe(ctx context.Context, past Attempts, err error) error {
	if err == nil {
		return nil
	}
	undone := !past.Lost && (rejected(err) || unsent(err))
	if past.Made > 1 {
		err = fmt.Errorf("%d attempts, the last: %w", past.Made, err)
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return &requestError{t.Name, undone, err}
}

// rejected reports whether DynamoDB has answered that it does not carry out a request: the table
// does not exist, the caller may not do it, the request is malformed, or there is no capacity for
// it now.
func rejected(err error) bool {
	if throttled(err) {
		return true
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) {
		code := answer.HTTPStatusCode()
		return code >= http.StatusBadRequest && code < http.StatusInternalServerError
	}
	var failed smithy.APIError
	return errors.As(err, &failed) && failed.ErrorFault() == smithy.FaultClient
}
