package sqsrelay_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/internal/sqstest"
)

// function stands for a Lambda function with a queue as its event source, and does what Lambda does
// with both.
type function struct {
	queue   string
	timeout time.Duration
	handler lambda.Handler

	visibility int32 // seconds until what has failed can be received again; 0 is half a minute, the queue's
}

// drain invokes the function until the queue is empty, and returns how often that was.
func (f function) drain(t *testing.T) int {
	t.Helper()
	n := 0
	for !empty(t, f.queue) {
		if messages := receive(t, f.queue, 1, f.visibility); len(messages) > 0 {
			f.invoke(t, messages)
			n++
		}
	}
	return n
}

// invoke deletes the messages that have not failed. The others can be received again when they are
// visible again.
func (f function) invoke(t *testing.T, messages []types.Message) {
	t.Helper()
	failed := failures(t, f.timeout, f.handler, sqsEvent(t, messages))
	for _, m := range messages {
		if failed[*m.MessageId] {
			continue
		}
		_, err := sqstest.Client(t).DeleteMessage(t.Context(), &sqs.DeleteMessageInput{
			QueueUrl: &f.queue, ReceiptHandle: m.ReceiptHandle,
		})
		require.NoError(t, err)
	}
}

// failures invokes a handler and returns the messages that failed. The answer has only one shape.
func failures(t *testing.T, timeout time.Duration, h lambda.Handler, event []byte) map[string]bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	payload, err := eventmux.New(eventmux.SQS(eventmux.Any, h)).Invoke(ctx, event)
	require.NoError(t, err)
	var answer map[string][]map[string]string
	require.NoError(t, json.Unmarshal(payload, &answer))
	require.Len(t, answer, 1)
	require.NotNil(t, answer["batchItemFailures"])
	failed := make(map[string]bool)
	for _, item := range answer["batchItemFailures"] {
		require.Len(t, item, 1)
		require.False(t, failed[item["itemIdentifier"]], "twice in the answer")
		failed[item["itemIdentifier"]] = true
	}
	return failed
}

func sqsEvent(t *testing.T, messages []types.Message) []byte {
	t.Helper()
	type record struct {
		MessageID   string            `json:"messageId"`
		Body        string            `json:"body"`
		Attributes  map[string]string `json:"attributes"`
		EventSource string            `json:"eventSource"`
	}
	records := make([]record, len(messages))
	for i, m := range messages {
		records[i] = record{*m.MessageId, *m.Body, m.Attributes, "aws:sqs"}
	}
	payload, err := json.Marshal(map[string]any{"Records": records})
	require.NoError(t, err)
	return payload
}

// receive waits for as many messages, a second at most.
func receive(t *testing.T, queue string, most, visibility int32) []types.Message {
	t.Helper()
	out, err := sqstest.Client(t).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &queue, MaxNumberOfMessages: most, WaitTimeSeconds: 1, VisibilityTimeout: visibility,
		//nolint:staticcheck // the server knows the older name of MessageSystemAttributeNames only
		AttributeNames: []types.QueueAttributeName{"All"},
	})
	require.NoError(t, err)
	return out.Messages
}

// attributes of a queue.
func attributes(t *testing.T, queue string) map[string]string {
	t.Helper()
	out, err := sqstest.Client(t).GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &queue, AttributeNames: []types.QueueAttributeName{"All"},
	})
	require.NoError(t, err)
	return out.Attributes
}

// empty reports whether a queue has no messages, not even invisible ones.
func empty(t *testing.T, queue string) bool {
	t.Helper()
	all := attributes(t, queue)
	return all["ApproximateNumberOfMessages"] == "0" && all["ApproximateNumberOfMessagesNotVisible"] == "0" &&
		all["ApproximateNumberOfMessagesDelayed"] == "0"
}

// redrive moves what is in a dead-letter queue to a queue.
func redrive(t *testing.T, dead, queue string) {
	t.Helper()
	_, err := sqstest.Client(t).StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{
		SourceArn: aws.String(attributes(t, dead)["QueueArn"]), DestinationArn: aws.String(attributes(t, queue)["QueueArn"]),
	})
	require.NoError(t, err)
	for !empty(t, dead) { // for as long as the server takes
		<-time.After(50 * time.Millisecond)
	}
}

func send(t *testing.T, queue string, body []byte) {
	t.Helper()
	text := string(body)
	_, err := sqstest.Client(t).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &text})
	require.NoError(t, err)
}
