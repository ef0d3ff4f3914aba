package dynamoconn

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
)

const (
	maxAttempts    = 10
	attemptTimeout = 3 * time.Second
	firstBackoff   = 25 * time.Millisecond
	longestBackoff = time.Second
)

// fullJitter gives how long to wait before an attempt: anything up to a bound that doubles from attempt to
// attempt (AWS Architecture Blog, "Exponential Backoff And Jitter").
func fullJitter(attempt int) time.Duration {
	bound := min(firstBackoff<<(attempt-1), longestBackoff)
	return rand.N(bound)
}

// attempts is what became of a request that has been made.
type attempts struct {
	made int
	// lost tells that an attempt before the last may have been carried out: its answer did not arrive, or said
	// that DynamoDB failed.
	lost bool
}

// do makes a request, again where that may help. What a condition refuses is not repeated.
func do[In, Out any](
	ctx context.Context, s *Store, request func(context.Context, In, ...func(*dynamodb.Options)) (Out, error), in In,
) (out Out, past attempts, err error) {
	for {
		past.made++
		out, err = attempt(ctx, request, in)
		if err == nil || past.made == maxAttempts || !retryable(ctx, err) {
			return out, past, s.describe(ctx, past, err)
		}
		past.lost = past.lost || !throttled(err)
		if !wait(ctx, s.backoff(past.made)) {
			return out, past, s.describe(ctx, past, fmt.Errorf("no time is left for another attempt: %w", err))
		}
	}
}

// attempt makes a request once, without the client's retryer.
func attempt[In, Out any](
	ctx context.Context, request func(context.Context, In, ...func(*dynamodb.Options)) (Out, error), in In,
) (Out, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return request(ctx, in, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
}

// wait tells if it has waited: it does not if the context's deadline comes first.
func wait(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// retryable tells if a request that failed is worth another attempt. An attempt's own timeout is.
func retryable(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	return errors.Is(err, context.DeadlineExceeded) || throttled(err) ||
		retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary
}

// throttled tells if DynamoDB refused a request for now, so that it was certainly not carried out. A conflict is with a
// transaction of somebody else's: a Store makes none.
func throttled(err error) bool {
	var failed smithy.APIError
	if !errors.As(err, &failed) {
		return false
	}
	code := failed.ErrorCode()
	_, ok := retry.DefaultThrottleErrorCodes[code]
	return ok || code == "TransactionConflictException" || code == "ReplicatedWriteConflictException"
}

// describe adds to an error the table, how often the request was made, and the context's cause if that has ended.
func (s *Store) describe(ctx context.Context, past attempts, err error) error {
	if err == nil {
		return nil
	}
	undone := !past.lost && rejected(err)
	if past.made > 1 {
		err = fmt.Errorf("%d attempts, the last: %w", past.made, err)
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return &requestError{s.table, undone, err}
}
