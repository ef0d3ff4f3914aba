package async

import (
	"context"
	"errors"
	"time"
)

// Keep is for how long an [Outcomes] store keeps what became of a job, at least.
const Keep = 24 * time.Hour

// Errors of an [Outcomes] store, to be matched with [errors.Is].
var (
	// ErrClaimed is the error of a claim on a job that another claim holds.
	ErrClaimed = errors.New("async: another invocation works on the job")
	// ErrClaimLost is the error of a record by a claim that does not hold the job any more.
	ErrClaimLost = errors.New("async: the claim on the job is lost")
)

// Outcomes keeps what became of jobs, so that a job that a queue delivers twice is done once.
// [NewMemoryOutcomes] returns one for a single process, dynamo.DB.Outcomes one on DynamoDB. Package
// async/asynctest has its conformance suite.
//
// The calls for one job take effect one after the other, whichever processes make them. A call that
// fails with an error other than those named here may have taken effect, and may be repeated. An
// Outcomes is safe for concurrent use, keeps copies of what it is given, and fails with the
// context's error once the context has ended.
//
// Job IDs are those of [Job.ID]: any text of 1 to 512 bytes in UTF-8.
type Outcomes interface {
	// Claim claims a job for the caller and returns the outcome so far, which is the zero Outcome for
	// a job that the store does not know. No other claim gets the job until the caller releases it,
	// or until c.Until by the clock of the store, to the millisecond: at that time it is free. If
	// another claim holds the job, Claim fails with [ErrClaimed] and changes nothing.
	//
	// A claim that holds the job already gets it again, with the new Until. If the outcome is
	// Settled, every Claim returns it, whether another one holds the job or not.
	Claim(ctx context.Context, jobID string, c Claim) (Outcome, error)
	// Record keeps the outcome of a job in place of the earlier one. The claim with the token goes on
	// holding the job. If it does not hold it, because another claim has the job or because it was
	// released, Record fails with [ErrClaimLost] and changes nothing. A claim that is over by the
	// clock, but that no other has followed, may still record.
	Record(ctx context.Context, jobID, token string, o Outcome) error
	// Release ends the claim with the token, so that the next Claim gets the job and what was
	// recorded. It does nothing if that claim does not hold the job.
	Release(ctx context.Context, jobID, token string) error
}

// Claim is a claim on a job.
type Claim struct {
	// Token identifies the claim: a text of 1 to 64 bytes in ASCII that no other claim has.
	Token string
	// Until is when the claim is over, unless it is released earlier.
	Until time.Time
}

// Outcome is what became of a job. The zero Outcome is that of a job that is still to be done. A
// store keeps it for [Keep] after the last call that changed it or its claim, or longer.
type Outcome struct {
	// Frame is the frame for the client that is still to be posted, of at most
	// [gatesock.MaxMessageSize] bytes; nil if there is none.
	Frame []byte
	// Settled reports whether nothing is left to do: the gateway accepted the frame, or nobody is
	// there to read it, or there is none.
	Settled bool
	// Dead reports whether the job has failed for good, so that its message belongs into the
	// dead-letter queue.
	Dead bool
}

// done reports whether the job was done, or has failed for good.
func (o Outcome) done() bool { return o.Settled || len(o.Frame) > 0 }
