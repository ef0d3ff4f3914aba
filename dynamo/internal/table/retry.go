package table

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
)

// MaxAttempts is how often [Do] makes a request at most.
const MaxAttempts = 10

// AttemptTimeout is how long each attempt of [Do] may take.
const AttemptTimeout = 3 * time.Second

const (
	firstBackoff   = 25 * time.Millisecond
	longestBackoff = time.Second
)

// FullJitter returns how long to wait before an attempt: anything up to a bound that doubles from
// attempt to attempt (AWS Architecture Blog, "Exponential Backoff And Jitter").
func FullJitter(attempt int) time.Duration {
	bound := min(firstBackoff<<(attempt-1), longestBackoff)
	return rand.N(bound)
}

// Attempts is what happened to a request.
type Attempts struct {
	Made int
	// Lost is true if an attempt before the last may have been carried out: its answer did not
	// arrive, or was that DynamoDB failed.
	Lost bool
}

// Request is a method of an [API].
type Request[In, Out any] = func(context.Context, In, ...func(*dynamodb.Options)) (Out, error)

// Do makes a request, and repeats it where that may help: up to [MaxAttempts] times, each with a
// timeout of 3 seconds, with waits between them, and not once ctx's deadline leaves no time. The
// client's own retryer is not used. A request that a condition refuses is not repeated; see
// [Refused]. A write whose answer was lost may be carried out twice, so it must be one that can
// be. If ctx has ended, Do makes no request.
func Do[In, Out any](
	ctx context.Context, t *Table, request Request[In, Out], in In,
) (out Out, past Attempts, err error) {
	if ctx.Err() != nil {
		return out, past, &requestError{t.Name, true, context.Cause(ctx)}
	}
	for {
		past.Made++
		out, err = attempt(ctx, t, request, in)
		if err == nil || past.Made == MaxAttempts || !retryable(ctx, err) {
			return out, past, t.describe(ctx, past, err)
		}
		past.Lost = past.Lost || !throttled(err) && !unsent(err)
		if !wait(ctx, t.Backoff(past.Made)) {
			return out, past, t.describe(ctx, past, fmt.Errorf("no time is left for another attempt: %w", err))
		}
	}
}

// Once makes a request that must not be repeated, since it counts something and may have been
// carried out, or since its caller has no time to wait. It waits for the answer as long as ctx lets
// it.
func Once[In, Out any](ctx context.Context, t *Table, request Request[In, Out], in In) (out Out, err error) {
	if ctx.Err() != nil {
		return out, &requestError{t.Name, true, context.Cause(ctx)}
	}
	out, err = requested(ctx, t, request, in)
	return out, t.describe(ctx, Attempts{Made: 1}, err)
}

// Attempt makes one attempt of a request, with a timeout of 3 seconds. [FateOf] returns what became
// of it. It is for callers that decide before each attempt whether they may still make it.
func Attempt[In, Out any](ctx context.Context, t *Table, request Request[In, Out], in In) (out Out, err error) {
	if ctx.Err() != nil {
		return out, &requestError{t.Name, true, context.Cause(ctx)}
	}
	out, err = attempt(ctx, t, request, in)
	return out, t.describe(ctx, Attempts{Made: 1}, err)
}

// WaitFor waits before another attempt, and reports whether it did: it does not if the context ends
// first, or its deadline leaves no time.
func (t *Table) WaitFor(ctx context.Context, attempt int) bool {
	return wait(ctx, t.Backoff(min(max(attempt, 1), MaxAttempts)))
}

func attempt[In, Out any](ctx context.Context, t *Table, request Request[In, Out], in In) (Out, error) {
	ctx, cancel := context.WithTimeout(ctx, AttemptTimeout)
	defer cancel()
	return requested(ctx, t, request, in)
}

func withoutRetryer(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

// wait waits and reports whether it did: it does not if the context ends first.
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

var errUnprocessed = errors.New("DynamoDB has not processed all keys")

// Pause waits before keys are requested again that DynamoDB left unprocessed, since it had no
// capacity for them or its answer had no room. idle is how many requests in a row have brought
// nothing.
func (t *Table) Pause(ctx context.Context, idle int) error {
	switch {
	case idle == MaxAttempts:
		return &requestError{t.Name, true, fmt.Errorf("%w in %d attempts", errUnprocessed, idle)}
	case !wait(ctx, t.Backoff(max(idle, 1))):
		err := fmt.Errorf("no time is left for another attempt: %w", errUnprocessed)
		return t.describe(ctx, Attempts{Made: max(idle, 1)}, err)
	}
	return nil
}

// retryable reports whether a request that failed is worth another attempt. An attempt's own
// timeout is.
func retryable(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	return errors.Is(err, context.DeadlineExceeded) || throttled(err) ||
		retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary
}

// unsent reports whether a request was certainly not sent, since there was no connection for it.
func unsent(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && failed.Op == "dial"
}

// throttled reports whether DynamoDB refused a request for now, so that it was certainly not
// carried out. A conflict is with a transaction on the same item.
func throttled(err error) bool {
	var failed smithy.APIError
	if !errors.As(err, &failed) {
		return false
	}
	code := failed.ErrorCode()
	_, ok := retry.DefaultThrottleErrorCodes[code]
	return ok || code == "TransactionConflictException" || code == "ReplicatedWriteConflictException"
}
