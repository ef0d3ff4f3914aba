package sqsjobs

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/internal/sqsqueue"
)

// API is what a [Queue] needs of SQS. *sqs.Client implements it. It must be safe for concurrent
// use.
type API interface {
	SendMessage(
		ctx context.Context, in *sqs.SendMessageInput, opts ...func(*sqs.Options),
	) (*sqs.SendMessageOutput, error)
	ChangeMessageVisibility(
		ctx context.Context, in *sqs.ChangeMessageVisibilityInput, opts ...func(*sqs.Options),
	) (*sqs.ChangeMessageVisibilityOutput, error)
}

// Queue sends jobs to an SQS queue. Make it with [New], and pass it to [async.New]. It is safe for
// concurrent use.
type Queue struct {
	client API
	url    string
}

var _ async.Queue = (*Queue)(nil)

// New returns the Queue with this URL. It fails if the URL is empty, for example because an
// environment variable is not set, or is the URL of a FIFO queue. It panics if client is nil.
func New(client API, queueURL string) (*Queue, error) {
	if client == nil {
		panic("sqsjobs: New: client must not be nil")
	}
	if err := sqsqueue.CheckURL(queueURL); err != nil {
		return nil, fmt.Errorf("sqsjobs: New: %w", err)
	}
	return &Queue{client: client, url: queueURL}, nil
}

// Enqueue sends the job as the body of a message. It fails with [async.ErrTooLarge] if the job is
// larger than the messages of SQS may be, 1 MiB, and else with the error of the client, which has
// repeated the request by then as far as its retryer allows.
//
// A message of a client has at most 128 KiB, and its job up to three times as much, so a job is too
// large only for a queue that has a lower limit of its own. SQS refuses that with an error of the
// client.
func (q *Queue) Enqueue(ctx context.Context, job async.Job) error {
	body, err := job.Encode()
	if err != nil {
		return fmt.Errorf("sqsjobs: %w", err)
	}
	if len(body) > sqsqueue.MaxMessageSize {
		return fmt.Errorf("sqsjobs: job %s has %d bytes, at most %d are allowed: %w",
			job.ID, len(body), sqsqueue.MaxMessageSize, async.ErrTooLarge)
	}
	if err := sqsqueue.Send(ctx, q.client, q.url, string(body), 0); err != nil {
		return fmt.Errorf("sqsjobs: send job %s to %s: %w", job.ID, q.url, err)
	}
	return nil
}

// hide lets a message be received again after d.
func (q *Queue) hide(ctx context.Context, receiptHandle string, d time.Duration) error {
	return sqsqueue.Hide(ctx, q.client, q.url, receiptHandle, d)
}
