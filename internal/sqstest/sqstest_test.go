package sqstest_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/sqstest"
)

func receive(t *testing.T, url string, most int) []types.Message {
	t.Helper()
	out, err := sqstest.Client(t).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &url, VisibilityTimeout: 1, MaxNumberOfMessages: int32(most), WaitTimeSeconds: 2,
		//nolint:staticcheck // the server knows only the older name of MessageSystemAttributeNames
		AttributeNames: []types.QueueAttributeName{"ApproximateReceiveCount"},
	})
	require.NoError(t, err)
	return out.Messages
}

// TestWhatTestsRelyOn checks the behavior of SQS that tests of this module need.
func TestWhatTestsRelyOn(t *testing.T) {
	t.Parallel()
	client := sqstest.Client(t)
	require.Same(t, client, sqstest.Client(t))
	url, dead := sqstest.QueueWithDeadLetters(t, 2)
	for _, body := range []string{"good", "bad"} {
		_, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
		require.NoError(t, err)
	}
	for n := range 2 {
		messages := receive(t, url, 2-n)
		require.Len(t, messages, 2-n)
		for _, m := range messages {
			require.Equal(t, string(rune('1'+n)), m.Attributes["ApproximateReceiveCount"])
			if *m.Body == "good" {
				_, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle})
				require.NoError(t, err)
			}
		}
	}
	require.Empty(t, receive(t, url, 1))
	left := receive(t, dead, 1)
	require.Len(t, left, 1)
	require.Equal(t, "bad", *left[0].Body)
}

func TestMessageAboveTheLimit(t *testing.T) {
	t.Parallel()
	url := sqstest.Queue(t, map[string]string{"MaximumMessageSize": "1024"})
	send := func(n int) error {
		_, err := sqstest.Client(t).SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: aws.String(strings.Repeat("x", n)),
		})
		return err
	}
	require.NoError(t, send(1024))
	var refusal smithy.APIError
	require.ErrorAs(t, send(1025), &refusal)
	require.Equal(t, "InvalidParameterValue", refusal.ErrorCode())
}

// TestChangedVisibility: the change takes effect at once, and is not another receive.
func TestChangedVisibility(t *testing.T) {
	t.Parallel()
	client := sqstest.Client(t)
	url, dead := sqstest.QueueWithDeadLetters(t, 3)
	_, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x")})
	require.NoError(t, err)
	for n := range 3 {
		messages := sqstest.Receive(t, url, 1, 1000)
		require.Len(t, messages, 1)
		require.Equal(t, string(rune('1'+n)), messages[0].Attributes["ApproximateReceiveCount"])
		_, err := client.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
			QueueUrl: &url, ReceiptHandle: messages[0].ReceiptHandle, VisibilityTimeout: 0,
		})
		require.NoError(t, err)
	}
	require.Len(t, sqstest.Receive(t, dead, 1, 1000), 1)
	require.True(t, sqstest.Empty(t, url))
}
