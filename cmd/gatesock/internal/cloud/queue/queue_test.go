package queue_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/schemas"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/queue"
	"github.com/gatesock/gatesock/emulator"
)

type clock struct{}

func (clock) Now() time.Time { return time.Now() }

func (clock) AfterFunc(d time.Duration, f func()) emulator.Timer { return time.AfterFunc(d, f) }

// direct calls a handler without a network, so that it works in a bubble.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil { // a server always has one
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func newService(refused func(string)) *queue.Service {
	return queue.New(queue.Config{Region: "eu-west-1", AccountID: "123456789012", Clock: clock{}, Refused: refused})
}

func client(s *queue.Service, query bool) *sqs.Client {
	return sqs.New(sqs.Options{
		Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		HTTPClient: &http.Client{Transport: direct{s}}, Retryer: aws.NopRetryer{},
	}, func(o *sqs.Options) {
		if query {
			o.Protocol = awsquery.New(schemas.AmazonSQS)
		}
	})
}

// inBubbles runs a test with each protocol, in a bubble of its own.
func inBubbles(t *testing.T, f func(t *testing.T, c *sqs.Client)) {
	t.Helper()
	for name, query := range map[string]bool{"json": false, "query": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { f(t, client(newService(nil), query)) })
		})
	}
}

func create(t *testing.T, c *sqs.Client, name string, attributes map[string]string) string {
	t.Helper()
	out, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	require.NoError(t, err)
	return *out.QueueUrl
}

func send(t *testing.T, c *sqs.Client, url, body string) *sqs.SendMessageOutput {
	t.Helper()
	out, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
	require.NoError(t, err)
	return out
}

func sendFIFO(t *testing.T, c *sqs.Client, url, body, group, dedupe string) *sqs.SendMessageOutput {
	t.Helper()
	in := &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body, MessageGroupId: &group}
	if dedupe != "" {
		in.MessageDeduplicationId = &dedupe
	}
	out, err := c.SendMessage(t.Context(), in)
	require.NoError(t, err)
	return out
}

func receive(t *testing.T, c *sqs.Client, url string, most, wait int32) []types.Message {
	t.Helper()
	out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: most, WaitTimeSeconds: wait,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}, MessageAttributeNames: []string{"All"},
	})
	require.NoError(t, err)
	return out.Messages
}

func bodies(messages []types.Message) string {
	var all []string
	for _, m := range messages {
		all = append(all, *m.Body)
	}
	return strings.Join(all, " ")
}

func remove(t *testing.T, c *sqs.Client, url string, m types.Message) {
	t.Helper()
	_, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle})
	require.NoError(t, err)
}

func attributes(t *testing.T, c *sqs.Client, url string) map[string]string {
	t.Helper()
	out, err := c.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"All"},
	})
	require.NoError(t, err)
	return out.Attributes
}

// counts returns how many messages are visible, in flight and delayed.
func counts(t *testing.T, c *sqs.Client, url string) string {
	t.Helper()
	all := attributes(t, c, url)
	return all["ApproximateNumberOfMessages"] + " " + all["ApproximateNumberOfMessagesNotVisible"] + " " +
		all["ApproximateNumberOfMessagesDelayed"]
}

// code returns the code of a refusal. The SDK shows that of the Query protocol if the answer is
// JSON, and the other way round.
func code(t *testing.T, err error) string {
	t.Helper()
	var refusal smithy.APIError
	require.ErrorAs(t, err, &refusal)
	name := strings.TrimPrefix(refusal.ErrorCode(), "AWS.SimpleQueueService.")
	return strings.Replace(name, "QueueAlreadyExists", "QueueNameExists", 1)
}

func TestVisibility(t *testing.T) {
	t.Parallel()
	inBubbles(t, func(t *testing.T, c *sqs.Client) {
		url := create(t, c, "q", map[string]string{"VisibilityTimeout": "10"})
		require.Equal(t, "https://sqs.eu-west-1.amazonaws.com/123456789012/q", url)
		sent := send(t, c, url, "a")
		begin := time.Now()
		first := receive(t, c, url, 10, 0)
		require.Equal(t, "a", bodies(first))
		require.Equal(t, sent.MessageId, first[0].MessageId)
		require.Equal(t, map[string]string{
			"SenderId": "AIDAGATESOCKLOCAL000", "ApproximateReceiveCount": "1",
			"SentTimestamp":                    strconv.FormatInt(begin.UnixMilli(), 10),
			"ApproximateFirstReceiveTimestamp": strconv.FormatInt(begin.UnixMilli(), 10),
		}, first[0].Attributes)
		require.Equal(t, "0 1 0", counts(t, c, url))
		require.Empty(t, receive(t, c, url, 10, 9))
		require.Equal(t, 9*time.Second, time.Since(begin))
		second := receive(t, c, url, 10, 20)
		require.Equal(t, 10*time.Second, time.Since(begin), "waits no longer than until it is visible")
		require.Equal(t, "2", second[0].Attributes["ApproximateReceiveCount"])
		remove(t, c, url, first[0]) // an older receipt
		require.Equal(t, "0 1 0", counts(t, c, url))
		_, err := c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
			QueueUrl: &url, ReceiptHandle: second[0].ReceiptHandle, VisibilityTimeout: 0,
		})
		require.NoError(t, err)
		third := receive(t, c, url, 10, 0)
		require.Len(t, third, 1)
		remove(t, c, url, third[0])
		require.Equal(t, "0 0 0", counts(t, c, url))
		remove(t, c, url, third[0]) // gone already
	})
}

func TestLongPolling(t *testing.T) {
	t.Parallel()
	inBubbles(t, func(t *testing.T, c *sqs.Client) {
		url := create(t, c, "q", map[string]string{"ReceiveMessageWaitTimeSeconds": "20"})
		got := make(chan string)
		begin := time.Now()
		go func() {
			out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url})
			if err != nil {
				got <- err.Error()
				return
			}
			got <- bodies(out.Messages)
		}()
		time.AfterFunc(7*time.Second, func() { send(t, c, url, "late") })
		require.Equal(t, "late", <-got)
		require.Equal(t, 7*time.Second, time.Since(begin))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url})
		require.Error(t, err)
		require.Equal(t, 8*time.Second, time.Since(begin))
	})
}

func TestDelays(t *testing.T) {
	t.Parallel()
	inBubbles(t, func(t *testing.T, c *sqs.Client) {
		url := create(t, c, "q", map[string]string{"DelaySeconds": "5", "MessageRetentionPeriod": "60"})
		send(t, c, url, "queue")
		_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: aws.String("own"), DelaySeconds: 2,
		})
		require.NoError(t, err)
		require.Equal(t, "0 0 2", counts(t, c, url))
		begin := time.Now()
		require.Equal(t, "own", bodies(receive(t, c, url, 1, 20)))
		require.Equal(t, 2*time.Second, time.Since(begin))
		require.Equal(t, "queue", bodies(receive(t, c, url, 1, 20)))
		require.Equal(t, 5*time.Second, time.Since(begin))
		require.Equal(t, "0 2 0", counts(t, c, url))
		<-time.After(time.Minute)
		require.Equal(t, "0 0 0", counts(t, c, url), "kept for a minute")
	})
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	inBubbles(t, func(t *testing.T, c *sqs.Client) {
		dead := create(t, c, "dead", nil)
		url := create(t, c, "q", map[string]string{
			"VisibilityTimeout": "1",
			"RedrivePolicy":     `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:123456789012:dead","maxReceiveCount":"2"}`,
		})
		sources, err := c.ListDeadLetterSourceQueues(t.Context(), &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &dead})
		require.NoError(t, err)
		require.Equal(t, []string{url}, sources.QueueUrls)
		send(t, c, url, "bad")
		for range 2 {
			require.Len(t, receive(t, c, url, 1, 2), 1)
		}
		require.Empty(t, receive(t, c, url, 1, 2))
		left := receive(t, c, dead, 1, 0)
		require.Equal(t, "bad", bodies(left))
		require.Equal(t, "arn:aws:sqs:eu-west-1:123456789012:q", left[0].Attributes["DeadLetterQueueSourceArn"])
		require.Equal(t, "0 0 0", counts(t, c, url))
	})
}

func TestFIFO(t *testing.T) {
	t.Parallel()
	inBubbles(t, func(t *testing.T, c *sqs.Client) {
		url := create(t, c, "q.fifo", map[string]string{
			"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "10",
		})
		sent := sendFIFO(t, c, url, "a1", "a", "")
		sendFIFO(t, c, url, "a2", "a", "")
		sendFIFO(t, c, url, "b1", "b", "")
		again := sendFIFO(t, c, url, "a1", "a", "")
		require.Equal(t, sent.MessageId, again.MessageId)
		require.Equal(t, sent.SequenceNumber, again.SequenceNumber)
		require.Len(t, *sent.SequenceNumber, 20)
		one := receive(t, c, url, 1, 0)
		require.Equal(t, "a1", bodies(one))
		require.Equal(t, "a", one[0].Attributes["MessageGroupId"])
		require.Len(t, one[0].Attributes["MessageDeduplicationId"], 64)
		require.Equal(t, *sent.SequenceNumber, one[0].Attributes["SequenceNumber"])
		require.Equal(t, "b1", bodies(receive(t, c, url, 10, 0)), "the group a waits for its first message")
		remove(t, c, url, one[0])
		two := receive(t, c, url, 10, 0)
		require.Equal(t, "a2", bodies(two))
		<-time.After(10 * time.Second)
		_, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: two[0].ReceiptHandle})
		require.Equal(t, "InvalidParameterValue", code(t, err), "the receipt has expired")
		require.Equal(t, "a2 b1", bodies(receive(t, c, url, 10, 0)))
		<-time.After(5*time.Minute - 11*time.Second)
		require.Equal(t, sent.MessageId, sendFIFO(t, c, url, "a1", "a", "").MessageId, "still within five minutes")
		<-time.After(time.Second)
		require.NotEqual(t, sent.MessageId, sendFIFO(t, c, url, "a1", "a", "").MessageId)
	})
}

func TestFIFOScopes(t *testing.T) {
	t.Parallel()
	inBubbles(t, func(t *testing.T, c *sqs.Client) {
		for scope, want := range map[string]int{"queue": 1, "messageGroup": 2} {
			url := create(t, c, scope+".fifo", map[string]string{"FifoQueue": "true", "DeduplicationScope": scope})
			sendFIFO(t, c, url, "1", "a", "x")
			sendFIFO(t, c, url, "2", "b", "x")
			require.Len(t, receive(t, c, url, 10, 0), want, scope)
		}
	})
}

func TestAttributesOfMessages(t *testing.T) {
	t.Parallel()
	inBubbles(t, func(t *testing.T, c *sqs.Client) {
		url := create(t, c, "q", nil)
		in := map[string]types.MessageAttributeValue{
			"app.name": {DataType: aws.String("String"), StringValue: aws.String("x")},
			"app.n":    {DataType: aws.String("Number.int"), StringValue: aws.String("12")},
			"raw":      {DataType: aws.String("Binary"), BinaryValue: []byte{1, 2, 3}},
		}
		sent, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: aws.String("<b>&"), MessageAttributes: in,
			MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{
				"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1")},
			},
		})
		require.NoError(t, err)
		got := receive(t, c, url, 1, 0)
		require.Equal(t, in, got[0].MessageAttributes)
		require.Equal(t, "<b>&", *got[0].Body)
		require.Equal(t, "Root=1", got[0].Attributes["AWSTraceHeader"])
		require.Equal(t, *sent.MD5OfMessageAttributes, *got[0].MD5OfMessageAttributes)
		_, err = c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
			QueueUrl: &url, ReceiptHandle: got[0].ReceiptHandle,
		})
		require.NoError(t, err)
		out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
			QueueUrl: &url, MessageAttributeNames: []string{"app.*"},
		})
		require.NoError(t, err)
		require.Len(t, out.Messages[0].MessageAttributes, 2)
		require.Empty(t, out.Messages[0].Attributes)
		require.NotEqual(t, *sent.MD5OfMessageAttributes, *out.Messages[0].MD5OfMessageAttributes)
	})
}

func TestQueues(t *testing.T) {
	t.Parallel()
	inBubbles(t, func(t *testing.T, c *sqs.Client) {
		a, b := create(t, c, "a", map[string]string{"DelaySeconds": "3"}), create(t, c, "ab", nil)
		require.Equal(t, a, create(t, c, "a", map[string]string{"DelaySeconds": "3"}))
		list, err := c.ListQueues(t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: aws.String("ab")})
		require.NoError(t, err)
		require.Equal(t, []string{b}, list.QueueUrls)
		url, err := c.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("a")})
		require.NoError(t, err)
		require.Equal(t, a, *url.QueueUrl)
		_, err = c.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
			QueueUrl: &a, Attributes: map[string]string{"DelaySeconds": "0"},
		})
		require.NoError(t, err)
		all := attributes(t, c, a)
		require.Equal(t, "0", all["DelaySeconds"])
		require.Equal(t, "arn:aws:sqs:eu-west-1:123456789012:a", all["QueueArn"])
		require.Equal(t, "1048576", all["MaximumMessageSize"])
		_, err = c.TagQueue(t.Context(), &sqs.TagQueueInput{QueueUrl: &a, Tags: map[string]string{"k": "v", "l": "w"}})
		require.NoError(t, err)
		_, err = c.UntagQueue(t.Context(), &sqs.UntagQueueInput{QueueUrl: &a, TagKeys: []string{"l"}})
		require.NoError(t, err)
		tags, err := c.ListQueueTags(t.Context(), &sqs.ListQueueTagsInput{QueueUrl: &a})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"k": "v"}, tags.Tags)
		send(t, c, a, "x")
		_, err = c.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &a})
		require.NoError(t, err)
		require.Equal(t, "0 0 0", counts(t, c, a))
		_, err = c.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &a})
		require.ErrorAs(t, err, new(*types.PurgeQueueInProgress))
		_, err = c.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: &a})
		require.NoError(t, err)
		_, err = c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &a, MessageBody: aws.String("x")})
		require.ErrorAs(t, err, new(*types.QueueDoesNotExist))
	})
}

func TestBatches(t *testing.T) {
	t.Parallel()
	inBubbles(t, func(t *testing.T, c *sqs.Client) {
		url := create(t, c, "q", map[string]string{"MaximumMessageSize": "1024"})
		entry := func(id, body string) types.SendMessageBatchRequestEntry {
			return types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &body}
		}
		sent, err := c.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{
			QueueUrl: &url, Entries: []types.SendMessageBatchRequestEntry{
				entry("1", "a"), entry("2", strings.Repeat("x", 1025)), entry("3", "b"),
			},
		})
		require.NoError(t, err)
		require.Len(t, sent.Successful, 2)
		require.Len(t, sent.Failed, 1)
		require.Equal(t, "2 InvalidParameterValue true", *sent.Failed[0].Id+" "+*sent.Failed[0].Code+" "+strconv.FormatBool(sent.Failed[0].SenderFault))
		got := receive(t, c, url, 10, 0)
		require.Equal(t, "a b", bodies(got))
		changed, err := c.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{
			QueueUrl: &url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
				{Id: aws.String("1"), ReceiptHandle: got[0].ReceiptHandle, VisibilityTimeout: 0},
				{Id: aws.String("2"), ReceiptHandle: aws.String("nonsense"), VisibilityTimeout: 0},
			},
		})
		require.NoError(t, err)
		require.Equal(t, "1", *changed.Successful[0].Id)
		require.Equal(t, "ReceiptHandleIsInvalid", *changed.Failed[0].Code)
		require.Equal(t, "1 1 0", counts(t, c, url))
		deleted, err := c.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{
			QueueUrl: &url, Entries: []types.DeleteMessageBatchRequestEntry{
				{
					Id: aws.String("1"), ReceiptHandle: got[0].ReceiptHandle,
				}, {Id: aws.String("2"), ReceiptHandle: got[1].ReceiptHandle},
			},
		})
		require.NoError(t, err)
		require.Len(t, deleted.Successful, 2)
		require.Equal(t, "0 0 0", counts(t, c, url))

		for want, entries := range map[string][]types.SendMessageBatchRequestEntry{
			"EmptyBatchRequest":            {},
			"BatchEntryIdsNotDistinct":     {entry("1", "a"), entry("1", "b")},
			"InvalidBatchEntryId":          {entry("a b", "a")},
			"TooManyEntriesInBatchRequest": make([]types.SendMessageBatchRequestEntry, 0, 11),
		} {
			for cap(entries) == 11 && len(entries) < 11 {
				entries = append(entries, entry(strconv.Itoa(len(entries)), "x"))
			}
			_, err := c.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: entries})
			require.Equal(t, want, code(t, err))
		}
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	inBubbles(t, func(t *testing.T, c *sqs.Client) {
		url := create(t, c, "q", nil)
		fifo := create(t, c, "q.fifo", map[string]string{"FifoQueue": "true"})
		message := func(in sqs.SendMessageInput) error {
			if in.QueueUrl == nil {
				in.QueueUrl = &url
			}
			if in.MessageBody == nil {
				in.MessageBody = aws.String("x")
			}
			_, err := c.SendMessage(t.Context(), &in)
			return err
		}
		made := func(name string, attributes map[string]string) error {
			_, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
			return err
		}
		got := func(in sqs.ReceiveMessageInput) error {
			in.QueueUrl = &url
			_, err := c.ReceiveMessage(t.Context(), &in)
			return err
		}
		attribute := func(kind, value string) map[string]types.MessageAttributeValue {
			return map[string]types.MessageAttributeValue{"k": {DataType: &kind, StringValue: &value}}
		}
		for i, test := range []struct {
			want string
			err  error
		}{
			{"InvalidParameterValue", message(sqs.SendMessageInput{MessageBody: aws.String(strings.Repeat("x", queue.MaxSize+1))})},
			{"InvalidMessageContents", message(sqs.SendMessageInput{MessageBody: aws.String("\x01")})},
			{"MissingParameter", message(sqs.SendMessageInput{MessageBody: aws.String("")})},
			{"InvalidParameterValue", message(sqs.SendMessageInput{DelaySeconds: 901})},
			{"InvalidParameterValue", message(sqs.SendMessageInput{MessageDeduplicationId: aws.String("x")})},
			{"InvalidParameterValue", message(sqs.SendMessageInput{MessageAttributes: attribute("Text", "x")})},
			{"InvalidParameterValue", message(sqs.SendMessageInput{MessageAttributes: attribute("String", "")})},
			{"InvalidParameterValue", message(sqs.SendMessageInput{MessageAttributes: attribute("Number", "x")})},
			{"MissingParameter", message(sqs.SendMessageInput{QueueUrl: &fifo})},
			{"InvalidParameterValue", message(sqs.SendMessageInput{QueueUrl: &fifo, MessageGroupId: aws.String("g")})},
			{"InvalidParameterValue", message(sqs.SendMessageInput{
				QueueUrl: &fifo, MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String("d"), DelaySeconds: 1,
			})},
			{"InvalidParameterValue", made("a b", nil)},
			{"InvalidParameterValue", made("a.fifo", nil)},
			{"InvalidParameterValue", made("a", map[string]string{"FifoQueue": "true"})},
			{"InvalidAttributeName", made("a", map[string]string{"Colour": "red"})},
			{"InvalidAttributeName", made("a", map[string]string{"ContentBasedDeduplication": "true"})},
			{"InvalidAttributeValue", made("a", map[string]string{"VisibilityTimeout": "43201"})},
			{"InvalidAttributeValue", made("a", map[string]string{"RedrivePolicy": "{"})},
			{"QueueNameExists", made("q", map[string]string{"DelaySeconds": "1"})},
			{"InvalidParameterValue", got(sqs.ReceiveMessageInput{MaxNumberOfMessages: 11})},
			{"InvalidParameterValue", got(sqs.ReceiveMessageInput{WaitTimeSeconds: 21})},
			{"InvalidParameterValue", got(sqs.ReceiveMessageInput{VisibilityTimeout: 43201})},
		} {
			require.Equal(t, test.want, code(t, test.err), "case %d: %v", i, test.err)
		}
	})
}

func TestUnknownOperationIsNamed(t *testing.T) {
	t.Parallel()
	for want, query := range map[string]bool{"UnknownOperationException": false, "InvalidAction": true} {
		var told []string
		c := client(newService(func(text string) { told = append(told, text) }), query)
		_, err := c.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: aws.String("x")})
		require.Equal(t, want, code(t, err))
		require.ErrorContains(t, err, "StartMessageMoveTask of sqs")
		require.Equal(t, []string{"gatesock dev does not serve StartMessageMoveTask of sqs"}, told)
	}
}

func TestReceiveEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(nil)
		_, err := s.Create("q", nil, nil)
		require.NoError(t, err)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("over"))
		wait := 20 * time.Second
		_, err = s.Receive(ctx, "q", queue.Receive{Most: 1, Wait: &wait})
		require.ErrorIs(t, err, context.Canceled)
	})
}

// TestDigestsOfAttributes has digests that SQS has returned, as tests of other libraries have them.
func TestDigestsOfAttributes(t *testing.T) {
	t.Parallel()
	number := func(text string) queue.Attribute { return queue.Attribute{DataType: "Number", StringValue: text} }
	require.Equal(t, "235c5c510d26fb653d073faed50ae77c", queue.AttributesMD5(map[string]queue.Attribute{"timestamp": number("1493147359900")}))
	require.Equal(t, "994258b45346a2cc3f9cbb611aa7af30", queue.AttributesMD5(map[string]queue.Attribute{"timestamp": number("1493147359901")}))
	require.Equal(t, "d21ae90c49061e927f57df5f5d72be1f", queue.AttributesMD5(map[string]queue.Attribute{
		"ordinal": number("1"), "category": {DataType: "String", StringValue: "test"},
	}))
	require.Empty(t, queue.AttributesMD5(nil))
}

// TestWaitingReceiversWakeUp: when a group goes on, and when a message is made visible early.
func TestWaitingReceiversWakeUp(t *testing.T) {
	t.Parallel()
	inBubbles(t, func(t *testing.T, c *sqs.Client) {
		url := create(t, c, "q.fifo", map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"})
		sendFIFO(t, c, url, "a1", "a", "")
		sendFIFO(t, c, url, "a2", "a", "")
		begin, first := time.Now(), receive(t, c, url, 1, 0)
		time.AfterFunc(3*time.Second, func() { remove(t, c, url, first[0]) })
		second := receive(t, c, url, 1, 20)
		require.Equal(t, "a2", bodies(second))
		require.Equal(t, 3*time.Second, time.Since(begin))
		time.AfterFunc(2*time.Second, func() {
			_, _ = c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
				QueueUrl: &url, ReceiptHandle: second[0].ReceiptHandle,
			})
		})
		require.Equal(t, "a2", bodies(receive(t, c, url, 1, 20)))
		require.Equal(t, 5*time.Second, time.Since(begin))
	})
}
