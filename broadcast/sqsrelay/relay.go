package sqsrelay

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/internal/sqsqueue"
)

// ErrTooLarge means that a job is larger than the messages of SQS may be, 1 MiB. It was not sent. A
// job has a frame of up to 128 KiB, and is that large only if an audience excepts very many
// connections by ID. A queue with a lower limit refuses a job with an error of the client.
var ErrTooLarge = errors.New("sqsrelay: the job is too large for a message")

// API is what a [Relay] needs of SQS. *sqs.Client implements it. It must be safe for concurrent
// use.
type API interface {
	SendMessage(
		ctx context.Context, in *sqs.SendMessageInput, opts ...func(*sqs.Options),
	) (*sqs.SendMessageOutput, error)
}

// Relay sends jobs to an SQS queue. Make it with [New], and pass it to [broadcast.WithRelay]. It is
// safe for concurrent use.
type Relay struct {
	client API
	url    string
}

var _ broadcast.Relay = (*Relay)(nil)

// New returns a Relay for the queue with this URL. It fails if the URL is empty, for example
// because an environment variable is not set, or is the URL of a FIFO queue. It panics if client is
// nil.
func New(client API, queueURL string) (*Relay, error) {
	if client == nil {
		panic("sqsrelay: New: client must not be nil")
	}
	if err := sqsqueue.CheckURL(queueURL); err != nil {
		return nil, fmt.Errorf("sqsrelay: New: %w", err)
	}
	return &Relay{client: client, url: queueURL}, nil
}

// Relay sends the job as the body of a message. Its Delay is rounded up to seconds, and limited to
// the 15 minutes that SQS allows; without one, the delay of the queue applies.
//
// It fails with [ErrTooLarge] or the error of the client, which has repeated the request by then as
// far as its retryer allows.
func (r *Relay) Relay(ctx context.Context, job broadcast.Job) error {
	body := string(job.Encode())
	if len(body) > sqsqueue.MaxMessageSize {
		return fmt.Errorf("%w: job %s has %d bytes, at most %d are allowed",
			ErrTooLarge, job.ID, len(body), sqsqueue.MaxMessageSize)
	}
	if err := sqsqueue.Send(ctx, r.client, r.url, body, job.Delay); err != nil {
		return fmt.Errorf("sqsrelay: send job %s to %s: %w", job.ID, r.url, err)
	}
	return nil
}
