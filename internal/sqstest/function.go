package sqstest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Function stands for a Lambda function with a queue as its event source, and does what Lambda does
// with both.
type Function struct {
	// Queue is the URL of the queue.
	Queue string
	// Timeout is that of the function.
	Timeout time.Duration
	Handler lambda.Handler
	// Visibility is how many seconds it takes until what has failed can be received again; 0 is half a
	// minute, as the queue has it.
	Visibility int32
}

// Drain invokes the function with one message after another until the queue is empty, and returns
// how often that was.
func (f Function) Drain(tb testing.TB) int {
	tb.Helper()
	n := 0
	for !Empty(tb, f.Queue) {
		if messages := Receive(tb, f.Queue, 1, f.Visibility); len(messages) > 0 {
			f.Invoke(tb, messages)
			n++
		}
	}
	return n
}

// Invoke invokes the function with messages, deletes those that have not failed, and returns the
// IDs of the others. These can be received again when they are visible again.
func (f Function) Invoke(tb testing.TB, messages []types.Message) (failed map[string]bool) {
	tb.Helper()
	failed = Failures(tb, f.Timeout, f.Handler, Event(tb, f.Queue, messages))
	for _, m := range messages {
		if failed[*m.MessageId] {
			continue
		}
		_, err := Client(tb).DeleteMessage(tb.Context(), &sqs.DeleteMessageInput{
			QueueUrl: &f.Queue, ReceiptHandle: m.ReceiptHandle,
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	return failed
}

// Failures invokes a handler with an event and returns the IDs of the messages that failed. The
// answer has only one shape.
func Failures(tb testing.TB, timeout time.Duration, h lambda.Handler, event []byte) map[string]bool {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), timeout)
	defer cancel()
	payload, err := h.Invoke(ctx, event)
	if err != nil {
		tb.Fatal(err)
	}
	failed, err := parseAnswer(payload)
	if err != nil {
		tb.Fatalf("%v: %s", err, payload)
	}
	return failed
}

func parseAnswer(payload []byte) (map[string]bool, error) {
	var answer map[string][]map[string]string
	if err := json.Unmarshal(payload, &answer); err != nil {
		return nil, err
	}
	items, ok := answer["batchItemFailures"]
	if !ok || items == nil || len(answer) != 1 {
		return nil, fmt.Errorf("the answer has other members than batchItemFailures")
	}
	failed := make(map[string]bool)
	for _, item := range items {
		id := item["itemIdentifier"]
		if id == "" || len(item) != 1 || failed[id] {
			return nil, fmt.Errorf("the answer has an item without itemIdentifier, or twice")
		}
		failed[id] = true
	}
	return failed, nil
}

// Event returns the event with which Lambda calls a function with messages of a queue (AWS Lambda
// Developer Guide, "Using Lambda with Amazon SQS").
func Event(tb testing.TB, queue string, messages []types.Message) []byte {
	tb.Helper()
	type record struct {
		MessageID         string            `json:"messageId"`
		ReceiptHandle     string            `json:"receiptHandle"`
		Body              string            `json:"body"`
		Attributes        map[string]string `json:"attributes"`
		MessageAttributes map[string]string `json:"messageAttributes"`
		EventSource       string            `json:"eventSource"`
		EventSourceARN    string            `json:"eventSourceARN"`
		Region            string            `json:"awsRegion"`
	}
	arn := Attributes(tb, queue)["QueueArn"]
	records := make([]record, len(messages))
	for i, m := range messages {
		records[i] = record{
			*m.MessageId, *m.ReceiptHandle, *m.Body, m.Attributes, map[string]string{}, "aws:sqs", arn, "us-east-1",
		}
	}
	payload, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		tb.Fatal(err)
	}
	return payload
}

// Receive waits for as many messages, a second at most.
func Receive(tb testing.TB, queue string, most, visibility int32) []types.Message {
	tb.Helper()
	out, err := Client(tb).ReceiveMessage(tb.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &queue, MaxNumberOfMessages: most, WaitTimeSeconds: 1, VisibilityTimeout: visibility,
		//nolint:staticcheck // the server knows the older name of MessageSystemAttributeNames only
		AttributeNames: []types.QueueAttributeName{"All"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out.Messages
}

// Attributes returns the attributes of a queue.
func Attributes(tb testing.TB, queue string) map[string]string {
	tb.Helper()
	out, err := Client(tb).GetQueueAttributes(tb.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &queue, AttributeNames: []types.QueueAttributeName{"All"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out.Attributes
}

// Empty reports whether a queue has no messages, not even invisible ones.
func Empty(tb testing.TB, queue string) bool {
	tb.Helper()
	all := Attributes(tb, queue)
	return all["ApproximateNumberOfMessages"] == "0" && all["ApproximateNumberOfMessagesNotVisible"] == "0" &&
		all["ApproximateNumberOfMessagesDelayed"] == "0"
}
