package cloud

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/queue"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// mapped returns a project with a function F that reads the queue q.
func mapped(m project.Mapping, attributes map[string]string) *project.Project {
	m.ID, m.Source, m.Function = "M", arn("sqs", "q"), "F"
	if attributes["FifoQueue"] != "" {
		m.Source += ".fifo"
		return &project.Project{
			Functions: []project.Function{function("F")}, Mappings: []project.Mapping{m},
			Queues: []project.Queue{queueOf("q.fifo", attributes)},
		}
	}
	return &project.Project{
		Functions: []project.Function{function("F")}, Mappings: []project.Mapping{m},
		Queues: []project.Queue{queueOf("q", attributes), queueOf("dead", nil)},
	}
}

func redrive(most int) string {
	return `{"deadLetterTargetArn":"` + arn("sqs", "dead") + `","maxReceiveCount":` + strconv.Itoa(most) + `}`
}

// records returns the records of an event.
func records(t *testing.T, payload string) []map[string]any {
	t.Helper()
	var event struct{ Records []map[string]any }
	require.NoError(t, json.Unmarshal([]byte(payload), &event))
	return event.Records
}

// bodies returns the bodies of the messages of invocations, each as "1s F: a b".
func bodies(t *testing.T, calls []call) []string {
	t.Helper()
	var all []string
	for _, c := range calls {
		text := fmt.Sprintf("%v %s:", c.at, c.function)
		for _, r := range records(t, c.payload) {
			text += " " + r["body"].(string)
		}
		all = append(all, text)
	}
	return all
}

func (w *world) empty(name string) bool {
	w.t.Helper()
	all, err := w.cloud.queues.Attributes(name)
	require.NoError(w.t, err)
	return all["ApproximateNumberOfMessages"]+all["ApproximateNumberOfMessagesNotVisible"]+all["ApproximateNumberOfMessagesDelayed"] == "000"
}

func TestQueueToFunction(t *testing.T) {
	t.Parallel()
	inWorld(t, mapped(project.Mapping{}, nil), func(w *world) {
		url := w.cloud.queues.URL("q")
		_, err := w.sqs().SendMessage(w.t.Context(), &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: aws.String("hello"), MessageAttributes: map[string]sqstypes.MessageAttributeValue{
				"k": {DataType: aws.String("String"), StringValue: aws.String("v")},
				"b": {DataType: aws.String("Binary"), BinaryValue: []byte{1}},
			},
		})
		require.NoError(w.t, err)
		calls := w.after(0)
		require.Len(w.t, calls, 1)
		r := records(w.t, calls[0].payload)[0]
		require.NotEmpty(w.t, r["messageId"])
		require.NotEmpty(w.t, r["receiptHandle"])
		delete(r, "messageId")
		delete(r, "receiptHandle")
		sent := strconv.FormatInt(w.begin.UnixMilli(), 10)
		require.Equal(w.t, map[string]any{
			"body": "hello", "md5OfBody": "5d41402abc4b2a76b9719d911017c592",
			"md5OfMessageAttributes": r["md5OfMessageAttributes"],
			"attributes": map[string]any{
				"ApproximateReceiveCount": "1", "SentTimestamp": sent, "ApproximateFirstReceiveTimestamp": sent,
				"SenderId": "AIDAGATESOCKLOCAL000",
			},
			"messageAttributes": map[string]any{
				"k": map[string]any{"stringValue": "v", "stringListValues": []any{}, "binaryListValues": []any{}, "dataType": "String"},
				"b": map[string]any{"binaryValue": "AQ==", "stringListValues": []any{}, "binaryListValues": []any{}, "dataType": "Binary"},
			},
			"eventSource": "aws:sqs", "eventSourceARN": arn("sqs", "q"), "awsRegion": region,
		}, r)
		require.True(w.t, w.empty("q"))
		require.Equal(w.t, []string{"q -> F #1"}, w.outcomes(KindQueue))
	})
}

// TestQueueRetries: what fails is seen again after the visibility timeout, and goes to the
// dead-letter queue.
func TestQueueRetries(t *testing.T) {
	t.Parallel()
	p := mapped(project.Mapping{BatchSize: 1}, map[string]string{"VisibilityTimeout": "7", "RedrivePolicy": redrive(2)})
	inWorld(t, p, func(w *world) {
		w.answers(func(_ int, _ string, payload []byte) ([]byte, error) {
			if strings.Contains(string(payload), `"bad"`) {
				return nil, failure{"E", "no"}
			}
			return nil, nil
		})
		w.send("q", "bad")
		w.after(0)
		w.send("q", "good")
		require.Equal(w.t, []string{"0s F: bad", "0s F: good", "7s F: bad"}, bodies(w.t, w.after(time.Minute)))
		require.True(w.t, w.empty("q"))
		require.Equal(w.t, "bad", *w.receive("dead")[0].Body)
		require.Equal(w.t, []string{"q -> F #1: no", "q -> F #1", "q -> F #2: no"}, w.outcomes(KindQueue))
		require.Equal(w.t, []string{"q -> dead #2"}, w.outcomes(KindDeadLetter))
	})
}

func TestBatchWindow(t *testing.T) {
	t.Parallel()
	inWorld(t, mapped(project.Mapping{
		BatchSize: 12, Window: 30 * time.Second,
	}, map[string]string{"VisibilityTimeout": "180"}), func(w *world) {
		w.send("q", "a")
		w.after(25 * time.Second)
		w.send("q", "b")
		require.Equal(w.t, []string{"30s F: a b"}, bodies(w.t, w.after(10*time.Second)))
		for range 12 {
			w.send("q", "x")
		}
		require.Len(w.t, records(w.t, w.after(0)[1].payload), 12, "a full batch does not wait")
	})
}

func TestItemFailures(t *testing.T) {
	t.Parallel()
	p := mapped(project.Mapping{ReportItemFailures: true}, map[string]string{"VisibilityTimeout": "5"})
	inWorld(t, p, func(w *world) {
		w.answers(func(n int, _ string, payload []byte) ([]byte, error) {
			if n > 1 {
				return nil, nil
			}
			id := records(w.t, string(payload))[1]["messageId"].(string)
			return []byte(`{"batchItemFailures":[{"itemIdentifier":"` + id + `"}]}`), nil
		})
		url := w.cloud.queues.URL("q")
		var entries []sqstypes.SendMessageBatchRequestEntry
		for _, body := range []string{"a", "b", "c"} {
			entries = append(entries, sqstypes.SendMessageBatchRequestEntry{Id: &body, MessageBody: &body})
		}
		_, err := w.sqs().SendMessageBatch(w.t.Context(), &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: entries})
		require.NoError(w.t, err)
		require.Equal(w.t, []string{"0s F: a b c", "5s F: b"}, bodies(w.t, w.after(time.Minute)))
		require.Equal(w.t, []string{"q -> F #1: 1 of 3 messages failed", "q -> F #2"}, w.outcomes(KindQueue))
		require.True(w.t, w.empty("q"))
	})
}

func TestAnswersWithItemFailures(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]int{
		``: 0, `null`: 0, `""`: 0, `{}`: 0, `{"batchItemFailures":null}`: 0, `{"batchItemFailures":[]}`: 0,
		`{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}`: 2,
		`{`: -1, `"text"`: -1, `{"batchItemFailures":[{"itemIdentifier":""}]}`: -1, `{"batchItemFailures":[{"itemIdentifier":null}]}`: -1,
		`{"batchItemFailures":[{"id":"a"}]}`: -1, `{"batchItemFailures":[{"itemIdentifier":"z"}]}`: -1,
	} {
		failed, err := itemFailures([]byte(answer), []string{"a", "b"})
		require.Equal(t, want < 0, err != nil, answer)
		require.Len(t, failed, max(want, 0), answer)
	}
}

func TestQueueFilters(t *testing.T) {
	t.Parallel()
	p := mapped(project.Mapping{Filters: []json.RawMessage{
		json.RawMessage(`{"body":{"kind":["order"]}}`), json.RawMessage(`{"body":[{"prefix":"plain"}]}`),
		json.RawMessage(`{"messageAttributes":{"k":{"stringValue":["v"]}}}`),
	}}, nil)
	inWorld(t, p, func(w *world) {
		for _, body := range []string{`{"kind":"order"}`, `{"kind":"other"}`, "plain text", "text", `{`} {
			w.send("q", body)
			w.after(0)
		}
		require.Equal(w.t, []string{`0s F: {"kind":"order"}`, "0s F: plain text"}, bodies(w.t, w.after(time.Hour)))
		require.True(w.t, w.empty("q"), "what does not pass is deleted")
	})
}

func TestFIFOToFunction(t *testing.T) {
	t.Parallel()
	p := mapped(project.Mapping{BatchSize: 1}, map[string]string{"FifoQueue": "true", "VisibilityTimeout": "5"})
	inWorld(t, p, func(w *world) {
		w.answers(func(n int, _ string, _ []byte) ([]byte, error) {
			if n == 1 {
				return nil, failure{"E", "no"}
			}
			return nil, nil
		})
		url := w.cloud.queues.URL("q.fifo")
		for i, group := range []string{"a", "a", "b"} {
			_, err := w.sqs().SendMessage(w.t.Context(), &sqs.SendMessageInput{
				QueueUrl: &url, MessageBody: aws.String(fmt.Sprint(group, i)), MessageGroupId: &group,
				MessageDeduplicationId: aws.String(fmt.Sprint(i)),
			})
			require.NoError(w.t, err)
			w.after(0)
		}
		require.Equal(w.t, []string{"0s F: a0", "0s F: b2", "5s F: a0", "5s F: a1"}, bodies(w.t, w.after(time.Minute)))
	})
}

func TestMappingsThatCannotRunAreNamed(t *testing.T) {
	t.Parallel()
	p := &project.Project{
		Functions: []project.Function{function("F")}, Queues: []project.Queue{queueOf("q", nil), queueOf("bad name", nil)},
		Mappings: []project.Mapping{
			{Source: arn("sqs", "q"), Function: "None"},
			{Source: arn("sqs", "none"), Function: "F"},
			{Source: arn("kinesis", "stream/x"), Function: "F"},
			{Source: arn("sqs", "q"), Function: "F", Disabled: true},
			{Source: arn("sqs", "q"), Function: "F", Filters: []json.RawMessage{json.RawMessage(`{"a":1}`)}},
		},
	}
	inWorld(t, p, func(w *world) {
		require.Equal(w.t, []string{
			"the queue bad name is not there: InvalidParameterValue: Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
			"the function None gets nothing from arn:aws:sqs:eu-west-1:123456789012:q: the project has no such function",
			"the function F gets nothing from arn:aws:sqs:eu-west-1:123456789012:none: the project has no such queue",
			"the function F gets nothing from arn:aws:kinesis:eu-west-1:123456789012:stream/x: gatesock dev reads queues of SQS and streams of DynamoDB only",
			`the function F gets nothing from arn:aws:sqs:eu-west-1:123456789012:q: its filter {"a":1}: "a" must be an object or a list`,
		}, w.texts(KindNotice))
		w.send("q", "x")
		require.Empty(w.t, w.after(time.Hour))
	})
}

func TestQueueThatIsDeletedEndsItsMapping(t *testing.T) {
	t.Parallel()
	inWorld(t, mapped(project.Mapping{}, nil), func(w *world) {
		url := w.cloud.queues.URL("q")
		_, err := w.sqs().DeleteQueue(w.t.Context(), &sqs.DeleteQueueInput{QueueUrl: &url})
		require.NoError(w.t, err)
		w.after(time.Minute)
		require.Contains(w.t, w.texts(KindNotice)[0], "the function F gets nothing from arn:aws:sqs:eu-west-1:123456789012:q any more")
	})
}

func TestLargeMessagesDoNotExceedAnEvent(t *testing.T) {
	t.Parallel()
	batch := slices.Repeat([]queue.Message{{Body: strings.Repeat("x", queue.MaxSize)}}, 8)
	require.Equal(t, 6, fitting(batch))
	require.Equal(t, 2, fitting(batch[6:]))
	require.Equal(t, 1, fitting([]queue.Message{{Body: strings.Repeat("x", 7<<20)}}), "one at least")
}

// TestCloseEndsLongPolling: a program that waits for messages does not hold up the end.
func TestCloseEndsLongPolling(t *testing.T) {
	t.Parallel()
	inWorld(t, &project.Project{Queues: []project.Queue{queueOf("q", nil)}}, func(w *world) {
		failed := make(chan error, 1)
		go func() {
			url := w.cloud.queues.URL("q")
			_, err := w.sqs().ReceiveMessage(w.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20})
			failed <- err
		}()
		w.after(time.Second)
		require.NoError(w.t, w.cloud.Close(w.t.Context()))
		require.Error(w.t, <-failed)
		require.Equal(w.t, time.Second, time.Since(w.begin))
	})
}
