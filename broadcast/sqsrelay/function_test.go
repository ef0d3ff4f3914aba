package sqsrelay_test

import (
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/internal/sqstest"
)

// mux returns a handler as a function of several sources has it.
func mux(h lambda.Handler) lambda.Handler { return eventmux.New(eventmux.SQS(eventmux.Any, h)) }

// failures invokes a handler in a mux and returns the messages that failed.
func failures(t *testing.T, timeout time.Duration, h lambda.Handler, event []byte) map[string]bool {
	t.Helper()
	return sqstest.Failures(t, timeout, mux(h), event)
}

// redrive moves what is in a dead-letter queue to a queue.
func redrive(t *testing.T, dead, queue string) {
	t.Helper()
	_, err := sqstest.Client(t).StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{
		SourceArn: aws.String(sqstest.Attributes(t, dead)["QueueArn"]), DestinationArn: aws.String(sqstest.Attributes(t, queue)["QueueArn"]),
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return sqstest.Empty(t, dead) }, 20*time.Second, 50*time.Millisecond)
}

func send(t *testing.T, queue string, body []byte) {
	t.Helper()
	text := string(body)
	_, err := sqstest.Client(t).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &text})
	require.NoError(t, err)
}
