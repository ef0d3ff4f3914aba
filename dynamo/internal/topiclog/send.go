package topiclog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

// errAgain means that nothing was written, and that the append should read again and go on.
var errAgain = errors.New("what is known of the topic is too old")

// ignoreAgain makes another step of errAgain.
func ignoreAgain(err error) error {
	if errors.Is(err, errAgain) {
		return nil
	}
	return err
}

// send makes a write, and the same write again, until DynamoDB answers that it was made, or that
// its conditions do not hold, which is an error for table.Refused or table.Canceled. It reports
// whether an attempt before may have been carried out, or may still be.
//
// allowed is asked before every attempt until when it may be signed. Each attempt has one
// signature: the SDK's retryer, which would sign again, is not used.
//
// All other errors say what is known of the entry. They wrap [topic.ErrOutcome] if it may be in the
// log.
func (a *appending) send(
	ctx context.Context, allowed func() (time.Time, bool), attempt func(context.Context, time.Time) error,
) (lost bool, err error) {
	first := a.l.instant()
	for n := 1; ; n++ {
		until, ok := allowed()
		if !ok || n > 1 && a.l.instant().since(first) > patience {
			return lost, a.stale(lost, err)
		}
		if err = attempt(ctx, until); err == nil || settled(err) {
			return lost, err
		}
		switch table.FateOf(err) {
		case table.Denied:
			return lost, a.failed(lost, err)
		case table.TooLate:
			return lost, a.tooLate(lost, err)
		case table.Unknown:
			lost = true
		case table.Repeatable:
		}
		if !a.l.t.WaitFor(ctx, n) {
			return lost, a.failed(lost, noTime(ctx, err))
		}
	}
}

// settled reports whether DynamoDB has looked at a write's conditions, and one does not hold.
func settled(err error) bool {
	_, refused := table.Refused(err)
	_, canceled := table.Canceled(err)
	return refused || canceled
}

func noTime(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return fmt.Errorf("no time is left for another attempt: %w", err)
}

// stale is for an attempt that may not be made any more.
func (a *appending) stale(lost bool, err error) error {
	a.l.cache.forget(a.name)
	if err == nil {
		return errAgain
	}
	return a.failed(lost, fmt.Errorf("attempts for %v: %w", patience, err))
}

// tooLate is for a signature that DynamoDB has refused: the process was frozen, or its clock was
// wrong, so all that it knows may be too old. It reads again, once.
func (a *appending) tooLate(lost bool, err error) error {
	a.l.cache.forgetAll()
	if lost || a.late {
		return a.failed(lost, err)
	}
	a.late = true
	return errAgain
}

// failed returns the error of an append.
func (a *appending) failed(lost bool, err error) error {
	if lost {
		return fmt.Errorf("%w: append to topic %.100q: %w", topic.ErrOutcome, a.name, err)
	}
	return fmt.Errorf("append to topic %.100q: nothing was written: %w", a.name, err)
}
