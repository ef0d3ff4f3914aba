package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// MaxMessageSize is the largest message that SQS accepts, in bytes (Amazon SQS API Reference,
// "CreateQueue"). A queue may have a lower limit.
const MaxMessageSize = 1 << 20

const (
	// maxDelay is the longest delay of a single message (Amazon SQS API Reference, "SendMessage").
	maxDelay = 900 * time.Second
	// maxHidden is the longest wait of Hide. SQS allows 12 hours in total from the receive on (Amazon
	// SQS API Reference, "ChangeMessageVisibility"), of which an invocation has used some.
	maxHidden = 11 * time.Hour
)

// Sender sends messages; a [*sqs.Client] implements it.
type Sender interface {
	SendMessage(
		ctx context.Context, in *sqs.SendMessageInput, opts ...func(*sqs.Options),
	) (*sqs.SendMessageOutput, error)
}

// Hider says when a message that was received can be received again; a [*sqs.Client] implements it.
type Hider interface {
	ChangeMessageVisibility(
		ctx context.Context, in *sqs.ChangeMessageVisibilityInput, opts ...func(*sqs.Options),
	) (*sqs.ChangeMessageVisibilityOutput, error)
}

// CheckURL returns an error unless url may be that of a standard queue.
func CheckURL(url string) error {
	switch {
	case url == "":
		return errors.New("queueURL is empty")
	case strings.HasSuffix(url, ".fifo"):
		return fmt.Errorf("queueURL: %s is a FIFO queue, want a standard queue", url)
	}
	return nil
}

// Send sends a message. The delay is rounded up to seconds, and limited to what SQS allows; without
// one, the delay of the queue applies.
func Send(ctx context.Context, client Sender, url, body string, delay time.Duration) error {
	_, err := client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: &body, DelaySeconds: seconds(delay, maxDelay),
	})
	return err
}

// Hide lets a message be received again after d from now, rounded up to seconds, and limited to 11
// hours.
func Hide(ctx context.Context, client Hider, url, receiptHandle string, d time.Duration) error {
	_, err := client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &url, ReceiptHandle: &receiptHandle, VisibilityTimeout: seconds(d, maxHidden),
	})
	return err
}

// seconds returns the whole seconds of d, rounded up, from 0 to most.
func seconds(d, most time.Duration) int32 {
	d = min(max(d, 0), most)
	return int32((d + time.Second - 1) / time.Second)
}
