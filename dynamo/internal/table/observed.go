package table

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"

	"github.com/gatesock/gatesock/internal/observing"
)

// errPanicked is what the observer of the invocation is told of a request that panics.
var errPanicked = errors.New("dynamo: panic during a request")

// requested makes one request. A test may count it, or end the process at it.
func requested[In, Out any](ctx context.Context, t *Table, request Request[In, Out], in In) (Out, error) {
	if c := observing.CallsOf(ctx); c != nil {
		return called(ctx, c, t, request, in)
	}
	return observed(ctx, t, request, in)
}

// observed makes one request, and reports it to the observer of the invocation. Without one, it
// allocates nothing.
func observed[In, Out any](ctx context.Context, t *Table, request Request[In, Out], in In) (Out, error) {
	if o := observing.From(ctx); o != nil {
		return reported(ctx, o, t, request, in)
	}
	return request(ctx, in, withoutRetryer)
}

func reported[In, Out any](
	ctx context.Context, o observing.Observer, t *Table, request Request[In, Out], in In,
) (out Out, err error) {
	ctx, ended := o.Begin(ctx, observing.Op{Kind: observing.Store, Name: operation(in), Target: t.Name})
	err = errPanicked // unless request returns
	defer func() {
		_, refused := Refused(err)
		ended(observing.Result{Err: err, Throttled: rateExceeded(err), Refused: refused})
	}()
	return request(ctx, in, withoutRetryer)
}

// operation returns the name of the operation that a request is for.
func operation(in any) string {
	switch in.(type) {
	case *dynamodb.GetItemInput:
		return "GetItem"
	case *dynamodb.BatchGetItemInput:
		return "BatchGetItem"
	case *dynamodb.PutItemInput:
		return "PutItem"
	case *dynamodb.UpdateItemInput:
		return "UpdateItem"
	case *dynamodb.DeleteItemInput:
		return "DeleteItem"
	case *dynamodb.QueryInput:
		return "Query"
	case *dynamodb.ScanInput:
		return "Scan"
	case *dynamodb.TransactWriteItemsInput:
		return "TransactWriteItems"
	}
	return "other"
}

// rateExceeded reports whether DynamoDB refused a request because of its rate: the capacity of the
// table or of a partition, or a limit of the account (Amazon DynamoDB Developer Guide, "Error
// handling with DynamoDB"). A conflict with somebody else's transaction does not count.
func rateExceeded(err error) bool {
	var failed smithy.APIError
	if !errors.As(err, &failed) {
		return false
	}
	_, ok := retry.DefaultThrottleErrorCodes[failed.ErrorCode()]
	return ok
}
