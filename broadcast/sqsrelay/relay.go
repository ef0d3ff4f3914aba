package sqsrelay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/gatesock/gatesock/broadcast"
)

const (
	// MaxMessageSize is the largest message in bytes that SQS takes, and the default of a queue (Amazon SQS API Reference,
	// "CreateQueue"; it was 262,144 before August 2025, which queues that set it then may still have).
	MaxMessageSize = 1 << 20
	// minMessageSize is the lowest MaximumMessageSize that a queue can have.
	minMessageSize = 1 << 10
	// MaxDelay is the longest that SQS delays a single message (Amazon SQS API Reference, "SendMessage").
	MaxDelay = 900 * time.Second
)

// ErrTooLarge says that a job is larger than the queue's messages may be. It was not sent.
var ErrTooLarge = errors.New("the job is above the queue's message size")

// API is what a [Relay] needs of SQS. *sqs.Client has it. It must be safe for concurrent use.
type API interface {
	SendMessage(ctx context.Context, in *sqs.SendMessageInput, opts ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// Relay sends jobs to a queue. It is safe for concurrent use. Make it with [New].
type Relay struct {
	client  API
	url     string
	maxSize int
}

var _ broadcast.Relay = (*Relay)(nil)

// New returns a Relay that sends to the queue with this URL. It fails without a client or URL, as from an environment
// variable that is not set, and on the URL of a FIFO queue.
func New(client API, queueURL string, opts ...Option) (*Relay, error) {
	switch {
	case client == nil:
		return nil, errors.New("sqsrelay: New with a nil client")
	case queueURL == "":
		return nil, errors.New("sqsrelay: New without the URL of a queue")
	case strings.HasSuffix(queueURL, ".fifo"):
		return nil, fmt.Errorf("sqsrelay: %s is a FIFO queue, jobs need a standard queue", queueURL)
	}
	r := &Relay{client: client, url: queueURL, maxSize: MaxMessageSize}
	for _, o := range opts {
		o.applyRelay(r)
	}
	return r, nil
}

// Relay sends the job as the body of a message. Its Delay is rounded up to seconds and cut at [MaxDelay]; without one it is the
// queue's. It fails with [ErrTooLarge], or with the client's error: the client has tried again by then what its retryer
// takes for passing, as throttling.
func (r *Relay) Relay(ctx context.Context, job broadcast.Job) error {
	body := string(job.Encode())
	if len(body) > r.maxSize {
		return fmt.Errorf("sqsrelay: send job %s: %w: %d bytes, the limit is %d", job.ID, ErrTooLarge, len(body), r.maxSize)
	}
	_, err := r.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl:     &r.url,
		MessageBody:  &body,
		DelaySeconds: delaySeconds(job.Delay),
	})
	if err != nil {
		return fmt.Errorf("sqsrelay: send job %s to %s: %w", job.ID, r.url, err)
	}
	return nil
}

func delaySeconds(d time.Duration) int32 {
	d = min(max(d, 0), MaxDelay)
	return int32((d + time.Second - 1) / time.Second)
}
