package sqsjobs_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/internal/sqstest"
)

// TestResult: the client is answered at once, and gets the result when another invocation has it.
func TestResult(t *testing.T) {
	t.Parallel()
	var runs atomic.Int32
	a, client := newApp(t, inTable, func(_ context.Context, req *gatesock.Request, in query) (report, error) {
		runs.Add(1)
		if req.Route != "report" || req.ConnectionID == "" {
			return report{}, errors.New("another request")
		}
		return report{Sum: in.Year + 1}, nil
	})
	call := client.Request("report", query{Year: 2026})
	call.ExpectAck()
	require.Zero(t, runs.Load(), "it runs in another invocation")
	require.Equal(t, 1, a.function.Drain(t))
	var got report
	call.ExpectResult(&got)
	require.Equal(t, report{2027}, got)
	require.Empty(t, a.letters(t))
	require.Empty(t, a.log.String())
	require.Empty(t, a.api.waits)
}

// TestFailsTwice: a job is tried again, later and later, and the client sees nothing of that.
func TestFailsTwice(t *testing.T) {
	t.Parallel()
	var runs atomic.Int32
	a, client := newApp(t, inTable, func(context.Context, *gatesock.Request, query) (report, error) {
		if n := runs.Add(1); n < attempts {
			return report{}, errors.New("the database is down")
		}
		return report{Sum: 1}, nil
	})
	call := client.Request("report", query{})
	call.ExpectAck()
	require.Equal(t, 3, a.function.Drain(t))
	var got report
	call.ExpectResult(&got)
	require.Equal(t, report{1}, got)
	require.EqualValues(t, 3, runs.Load())
	require.Len(t, a.posts.Posts(), 1)
	require.Empty(t, a.letters(t))
	require.Len(t, a.api.waits, 2)
	require.Contains(t, []int32{1, 2}, a.api.waits[0])
	require.Contains(t, []int32{2, 3, 4}, a.api.waits[1])
	require.Contains(t, a.log.String(), `msg="sqsjobs: job is not done and stays in the queue"`)
}

// TestAlwaysFails: after the last attempt the client gets the error, and the message goes to the
// dead-letter queue without another attempt.
func TestAlwaysFails(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]maker{
		"by an error": func(context.Context, *gatesock.Request, query) (report, error) {
			return report{}, errors.New("the database is down")
		},
		"by a panic": func(context.Context, *gatesock.Request, query) (report, error) { panic("a bug") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var runs atomic.Int32
			a, client := newApp(t, inTable, func(ctx context.Context, req *gatesock.Request, in query) (report, error) {
				runs.Add(1)
				return h(ctx, req, in)
			})
			call := client.Request("report", query{})
			call.ExpectAck()
			require.Equal(t, attempts+1, a.function.Drain(t))
			require.EqualValues(t, attempts, runs.Load())
			failure := call.ExpectResultError(gatesock.CodeInternal)
			require.NotContains(t, failure.Message, "database")
			require.Len(t, a.posts.Posts(), 1)
			letters := a.letters(t)
			require.Len(t, letters, 1)
			require.Equal(t, call.ID(), letters[0].RequestID)
			require.Len(t, a.api.waits, attempts+1)
			require.Equal(t, []int32{0, 0}, a.api.waits[attempts-1:], "it is not kept from the dead-letter queue")
			require.Contains(t, a.log.String(), `level=ERROR msg="sqsjobs: job has failed for good"`)
			require.Len(t, regexp.MustCompile(`msg="sqsjobs: (`+operatorsQuery(t)+`)`).FindAllString(a.log.String(), -1), attempts+1)
		})
	}
}

// operatorsQuery returns what docs/operations.md searches the log for.
func operatorsQuery(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(page), "\n## DeadLettersAlarm\n")
	match := regexp.MustCompile(`message like /(.+)/`).FindStringSubmatch(section)
	require.NotNil(t, match)
	return match[1]
}

// TestRefused: an error of the client's making is its result, and the job is done.
func TestRefused(t *testing.T) {
	t.Parallel()
	a, client := newApp(t, inTable, func(context.Context, *gatesock.Request, query) (report, error) {
		return report{}, gatesock.Errorf(gatesock.CodeNotFound, "there is no such year")
	})
	call := client.Request("report", query{})
	call.ExpectAck()
	require.Equal(t, 1, a.function.Drain(t))
	require.Equal(t, "there is no such year", call.ExpectResultError(gatesock.CodeNotFound).Message)
	require.Empty(t, a.letters(t))
}

// TestEachAttemptIsKilled: Lambda ends a process that takes too long, so no attempt has an end. The
// delivery after the last one is for the error.
func TestEachAttemptIsKilled(t *testing.T) {
	t.Parallel()
	var runs atomic.Int32
	a, client := newApp(t, inTable, func(context.Context, *gatesock.Request, query) (report, error) {
		runs.Add(1)
		return report{}, nil
	})
	call := client.Request("report", query{})
	call.ExpectAck()
	for range attempts { // received, and never heard of again
		messages := sqstest.Receive(t, a.function.Queue, 1, 600)
		require.Len(t, messages, 1)
		_, err := a.api.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
			QueueUrl: &a.function.Queue, ReceiptHandle: messages[0].ReceiptHandle,
		})
		require.NoError(t, err)
	}
	require.Equal(t, 1, a.function.Drain(t))
	call.ExpectResultError(gatesock.CodeInternal)
	require.Zero(t, runs.Load())
	require.Len(t, a.letters(t), 1)
}

// TestDeliveredTwice: a standard queue may do so, after the job is done or while it runs.
func TestDeliveredTwice(t *testing.T) {
	t.Parallel()
	var runs atomic.Int32
	var again func()
	a, client := newApp(t, inTable, func(context.Context, *gatesock.Request, query) (report, error) {
		runs.Add(1)
		again()
		return report{}, nil
	})
	call := client.Request("report", query{})
	call.ExpectAck()
	messages := sqstest.Receive(t, a.function.Queue, 1, 600)
	require.Len(t, messages, 1)
	again = func() { // while the first delivery is served
		require.Equal(t, map[string]bool{*messages[0].MessageId: true}, a.function.Invoke(t, messages))
	}
	require.Empty(t, a.function.Invoke(t, messages))
	require.Empty(t, a.api.waits, "that one can wait for the end of the other")
	require.Contains(t, a.log.String(), async.ErrClaimed.Error())
	require.Empty(t, a.function.Invoke(t, messages), "it is done")
	call.ExpectResult(nil)
	require.EqualValues(t, 1, runs.Load())
	require.Len(t, a.posts.Posts(), 1)
}

// TestSentTwice: so does a client that repeats a request whose answer was lost, and both messages
// may be in one batch.
func TestSentTwice(t *testing.T) {
	t.Parallel()
	var runs atomic.Int32
	fails := true
	a, client := newApp(t, inTable, func(context.Context, *gatesock.Request, query) (report, error) {
		runs.Add(1)
		if fails {
			return report{}, errors.New("the database is down")
		}
		return report{}, nil
	})
	call := client.Request("report", query{})
	call.ExpectAck()
	messages := sqstest.Receive(t, a.function.Queue, 1, 600)
	require.Len(t, messages, 1)
	_, err := a.api.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &a.function.Queue, MessageBody: messages[0].Body,
	})
	require.NoError(t, err)
	messages = append(messages, sqstest.Receive(t, a.function.Queue, 1, 600)...)
	require.Len(t, messages, 2)
	require.Len(t, a.function.Invoke(t, messages), 2)
	require.EqualValues(t, 1, runs.Load(), "the second has to wait, too")
	fails = false
	require.Equal(t, 2, a.function.Drain(t))
	require.EqualValues(t, 2, runs.Load())
	call.ExpectResult(nil)
	require.Len(t, a.posts.Posts(), 1)
}

// TestWaitsForItsTime: the real delay keeps a message from being received.
func TestWaitsForItsTime(t *testing.T) {
	t.Parallel()
	var began []time.Time
	h := func(context.Context, *gatesock.Request, query) (report, error) {
		began = append(began, time.Now())
		if len(began) == 1 {
			return report{}, errors.New("the database is down")
		}
		return report{}, nil
	}
	a, client := newApp(t, inTable, h)
	f, err := newFunction(sqstest.Client(t), a.function.Queue, a.posts, inTable(t, a.clock), quiet(), h)
	require.NoError(t, err)
	a.function.Handler = f
	call := client.Request("report", query{})
	call.ExpectAck()
	require.Equal(t, 2, a.function.Drain(t))
	call.ExpectResult(nil)
	require.GreaterOrEqual(t, began[1].Sub(began[0]), time.Second)
}
