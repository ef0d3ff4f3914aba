package table

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// SignedUntil returns an option for a request that must not be sent if its signature says a later
// time. A process may be frozen between its own look at the clock and the signature, and the SDK
// may sign with a time that it has corrected by DynamoDB's clock. [FateOf] such a request is
// TooLate.
func SignedUntil(limit time.Time) func(*dynamodb.Options) {
	check := func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if r, ok := in.Request.(*smithyhttp.Request); ok {
			if err := signedUntil(r.Header.Get("X-Amz-Date"), limit); err != nil {
				return middleware.FinalizeOutput{}, middleware.Metadata{}, err
			}
		}
		return next.HandleFinalize(ctx, in)
	}
	return func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("gatesock:SignedUntil", check), middleware.After)
		})
	}
}

// signedUntil compares the date of a signature (IAM User Guide, "Elements of an AWS API request
// signature"). A request without one is not signed by its date.
func signedUntil(date string, limit time.Time) error {
	signed, err := time.Parse("20060102T150405Z", date)
	if err == nil && signed.After(limit) {
		return fmt.Errorf("%w: signed at %v, want at most %v", errSigned, signed, limit.UTC())
	}
	return nil
}
