package dynamotest

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
)

// patient is an option of a client that lets deadlines of requests pass unnoticed, such as the few
// seconds that a store allows for an attempt. If a request were cut off, what a test sees, such as
// a second attempt that finds the result of the first, would depend on how fast the machine is.
// Cancellation by the caller still ends a request. The option comes before the SDK's own
// middleware, which reports any error after the deadline as a cancellation.
func patient(o *dynamodb.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("patient", withoutDeadline), middleware.Before)
	})
}

func withoutDeadline(
	ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
) (middleware.InitializeOutput, middleware.Metadata, error) {
	if _, ok := ctx.Deadline(); !ok {
		return next.HandleInitialize(ctx, in)
	}
	endless, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			cancel()
		}
	})
	defer stop()
	return next.HandleInitialize(endless, in)
}
