package dynamoconn

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/gatesock/gatesock/conn"
)

// refuse gives the error of a context that has ended, nil while it has not.
func refuse(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("dynamoconn: %w", context.Cause(ctx))
}

func checkName(what, name string) error {
	if err := conn.ValidateName(what, name); err != nil {
		return err
	}
	if len(name) > MaxNameBytes {
		return fmt.Errorf("%w: %s has %d bytes, the most is %d", conn.ErrInvalid, what, len(name), MaxNameBytes)
	}
	return nil
}

// check is what every operation on a connection or group begins with.
func check(ctx context.Context, what, name string) error {
	if err := refuse(ctx); err != nil {
		return err
	}
	return checkName(what, name)
}

// refused tells if a write was not made because its condition did not hold, and gives the item that it met; nil if there
// is none.
func refused(err error) (item, bool) {
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		return nil, false
	}
	return failed.Item, true
}

// tooLarge tells if an update was refused because the item would have become larger than DynamoDB takes.
func tooLarge(err error) bool {
	var failed smithy.APIError
	return errors.As(err, &failed) && failed.ErrorCode() == "ValidationException" &&
		strings.Contains(failed.ErrorMessage(), "exceeded the maximum allowed size")
}
