//go:build !race

package queue_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/sqstest"
)

func TestMain(m *testing.M) { sqstest.Main(m) }

// TestAsAnotherServer: the server of another author that the tests of this module use answers the
// same. Left out is where it differs from SQS: it counts messages in flight as visible, too, a dead
// letter's receives anew, and purges visible messages only.
func TestAsAnotherServer(t *testing.T) {
	t.Parallel()
	theirs := whatHappens(t, sqstest.Client(t))
	for _, query := range []bool{false, true} {
		require.Equal(t, theirs, whatHappens(t, client(newService(nil), query)))
	}
}

// whatHappens calls most operations, and returns what the answers say apart from random names.
func whatHappens(t *testing.T, c *sqs.Client) string {
	t.Helper()
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	ctx := context.Background()
	dead := create(t, c, "dead", nil)
	url := create(t, c, "q", map[string]string{
		"VisibilityTimeout": "1000",
		"RedrivePolicy":     `{"deadLetterTargetArn":"` + attributes(t, c, dead)["QueueArn"] + `","maxReceiveCount":"2"}`,
	})
	in := &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("<é>")}
	in.MessageAttributes = map[string]types.MessageAttributeValue{
		"text": {DataType: aws.String("String"), StringValue: aws.String("x")},
		"n":    {DataType: aws.String("Number"), StringValue: aws.String("1.5")},
	}
	sent, err := c.SendMessage(ctx, in)
	require.NoError(t, err)
	say("sent %s %s", *sent.MD5OfMessageBody, *sent.MD5OfMessageAttributes)
	take := func(url string) []types.Message {
		out, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &url, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
			AttributeNames: []types.QueueAttributeName{"All"}, //nolint:staticcheck // the other server knows the older name only
		})
		require.NoError(t, err)
		for _, m := range out.Messages {
			say("got %q %s %s %d", *m.Body, *m.MD5OfBody, aws.ToString(m.MD5OfMessageAttributes), len(m.MessageAttributes))
			if _, dead := m.Attributes["DeadLetterQueueSourceArn"]; !dead {
				say("received %s times", m.Attributes["ApproximateReceiveCount"])
			}
		}
		say("%d messages", len(out.Messages))
		return out.Messages
	}
	for range 2 {
		m := take(url)
		require.Len(t, m, 1)
		_, err := c.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
			QueueUrl: &url, ReceiptHandle: m[0].ReceiptHandle,
		})
		require.NoError(t, err)
	}
	take(url)
	require.Len(t, take(dead), 1)
	entries := []types.SendMessageBatchRequestEntry{
		{Id: aws.String("1"), MessageBody: aws.String("a")},
		{Id: aws.String("2"), MessageBody: aws.String("b"), DelaySeconds: 900},
	}
	batch, err := c.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: entries})
	require.NoError(t, err)
	for _, e := range batch.Successful {
		say("batch %s %s", *e.Id, *e.MD5OfMessageBody)
	}
	for _, m := range take(url) {
		_, err := c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle})
		require.NoError(t, err)
	}
	say("left %s", counts(t, c, url))
	take(url)
	all := attributes(t, c, url)
	for _, name := range []string{"VisibilityTimeout", "DelaySeconds", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds"} {
		say("%s %s", name, all[name])
	}
	urls, err := c.ListQueues(ctx, &sqs.ListQueuesInput{})
	require.NoError(t, err)
	slices.Sort(urls.QueueUrls)
	for _, u := range urls.QueueUrls {
		if strings.HasSuffix(u, "/q") || strings.HasSuffix(u, "/dead") {
			say("queue %s", u[strings.LastIndexByte(u, '/'):])
		}
	}
	_, err = c.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: aws.String(strings.Replace(url, "/q", "/none", 1)), MessageBody: aws.String("x"),
	})
	require.ErrorAs(t, err, new(*types.QueueDoesNotExist))
	say("%v", err != nil)
	return b.String()
}
