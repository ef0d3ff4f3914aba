package dynamolimit

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"

	"github.com/gatesock/gatesock/ratelimit"
)

// refused reports whether a table refuses a request for what it is, so that no later one of the kind is taken ("Error handling with
// DynamoDB", DynamoDB Developer Guide: ValidationException).
func refused(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationException"
}

// marked returns err, which is a [ratelimit.ErrInvalid] as well if the table refuses the request for what it is.
func marked(err error) error {
	if refused(err) {
		return invalid(err)
	}
	return err
}

func invalid(err error) error { return fmt.Errorf("%w: %w", ratelimit.ErrInvalid, err) }
