package dynamotest

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
)

// patient is an option of a client. It carries requests out however long they take: a deadline of theirs passes unnoticed, as
// the few seconds that a store gives an attempt do on a machine that does much else. What a test sees of a request that was cut
// off, such as a second attempt that finds what the first has done, would depend on how fast the machine is. Cancellation by the
// caller still ends a request. It comes before all that the SDK does, which takes any error after the deadline for a cancellation.
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
