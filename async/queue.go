package async

import (
	"context"
	"errors"
)

// Errors of a [Queue], to be matched with [errors.Is].
var (
	// ErrTooLarge means that a job is too large for the queue. The client gets
	// [gatesock.CodeTooLarge].
	ErrTooLarge = errors.New("async: the job is too large for the queue")
	// ErrQueueFull means that a queue accepts no jobs at the moment.
	ErrQueueFull = errors.New("async: the queue is full")
)

// Queue keeps jobs until [Jobs.Run] has done them. Package async/sqsjobs has a Queue for Amazon
// SQS, [NewMemoryQueue] returns one for a single process. It is safe for concurrent use.
//
// A queue delivers each job to Jobs.Run, again and again until that returns nil, with the number of
// times that it has delivered the job. After [Jobs.Attempts] + 1 deliveries it gives up, and keeps
// the job where an operator finds it. Between two deliveries it waits, for example for the time
// that [RetryDelay] returns.
type Queue interface {
	// Enqueue returns nil if the job is certain to be delivered at least once. After an error it may
	// be delivered or not. [ErrTooLarge] and [ErrQueueFull] mean that it will not.
	Enqueue(ctx context.Context, job Job) error
}

// Queue returns the queue of [New]. A package that receives its messages needs it, to say when a
// job that failed is delivered again.
func (j *Jobs) Queue() Queue { return j.queue }
