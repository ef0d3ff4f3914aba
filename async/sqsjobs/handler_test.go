package sqsjobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/async/sqsjobs"
	"github.com/gatesock/gatesock/internal/sqstest"
	"github.com/gatesock/gatesock/wstest"
)

// TestNotJobs: messages that are not jobs get into the dead-letter queue, and the others of their
// batches do not.
func TestNotJobs(t *testing.T) {
	t.Parallel()
	a, client := newApp(t, inTable, func(context.Context, *gatesock.Request, query) (report, error) {
		return report{}, nil
	})
	call := client.Request("report", query{})
	call.ExpectAck()
	bodies := []string{"not a job", `{"v":1}`}
	for _, body := range bodies {
		_, err := a.api.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &a.function.Queue, MessageBody: &body})
		require.NoError(t, err)
	}
	messages := sqstest.Receive(t, a.function.Queue, 3, 600)
	require.Len(t, messages, 3)
	require.Len(t, a.function.Invoke(t, messages), 2)
	call.ExpectResult(nil)
	a.function.Drain(t)
	var left []string
	for _, m := range sqstest.Receive(t, a.dead, 3, 600) {
		left = append(left, *m.Body)
	}
	require.ElementsMatch(t, bodies, left)
	require.Contains(t, a.log.String(), `level=ERROR msg="sqsjobs: job has failed for good"`)
}

// queueless is an API that keeps what is sent, and what is to be received later.
type queueless struct {
	bodies []string
	waits  map[string]int32 // by receipt handle
	err    error
}

func (q *queueless) SendMessage(
	_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	q.bodies = append(q.bodies, *in.MessageBody)
	return new(sqs.SendMessageOutput), q.err
}

func (q *queueless) ChangeMessageVisibility(
	_ context.Context, in *sqs.ChangeMessageVisibilityInput, _ ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityOutput, error) {
	if q.waits == nil {
		q.waits = make(map[string]int32)
	}
	q.waits[*in.ReceiptHandle] = in.VisibilityTimeout
	return new(sqs.ChangeMessageVisibilityOutput), q.err
}

// eventOf returns an event with messages m0, m1, … whose receipt handles are the same.
func eventOf(t *testing.T, receives int, bodies ...string) []byte {
	t.Helper()
	records := make([]map[string]any, len(bodies))
	for i, body := range bodies {
		id := fmt.Sprintf("m%d", i)
		records[i] = map[string]any{
			"messageId": id, "receiptHandle": id, "body": body, "eventSource": "aws:sqs",
			"attributes": map[string]string{"ApproximateReceiveCount": fmt.Sprint(receives)},
		}
	}
	payload, err := json.Marshal(map[string]any{"Records": records})
	require.NoError(t, err)
	return payload
}

// jobsWith returns Jobs with an API in the place of SQS, and a function that sends a request to it.
func jobsWith(t *testing.T, api sqsjobs.API, h maker, opts ...async.Option) (*async.Jobs, func(id string)) {
	t.Helper()
	queue, err := sqsjobs.New(api, "https://sqs/1/jobs")
	require.NoError(t, err)
	jobs := async.New(queue, wstest.NewRecorder(), async.NewMemoryOutcomes(), append(opts, async.WithLogger(quiet()))...)
	r := gatesock.New(gatesock.WithLogger(quiet()))
	async.HandleReply(r, jobs, "report", h)
	return jobs, func(id string) {
		_, err := r.Invoke(t.Context(), []byte(`{"requestContext":{"routeKey":"report","eventType":"MESSAGE",`+
			`"connectionId":"c=","messageId":"`+id+`"},"body":"{\"action\":\"report\",\"id\":\"1\"}"}`))
		require.NoError(t, err)
	}
}

// TestNoTimeForAll: those of a batch that are not begun are not done, and come again at once.
func TestNoTimeForAll(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		timeout time.Duration
		options []sqsjobs.Option
		want    map[string]bool
	}{
		"for all":       {20 * time.Second, nil, map[string]bool{}},
		"for two":       {7 * time.Second, nil, map[string]bool{"m2": true}},
		"for the first": {4 * time.Second, nil, map[string]bool{"m1": true, "m2": true}},
		"for none":      {0, nil, map[string]bool{"m0": true, "m1": true, "m2": true}},
		"set by the user": {
			20 * time.Second, []sqsjobs.Option{sqsjobs.WithMinTime(18 * time.Second)}, map[string]bool{"m1": true, "m2": true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := new(queueless)
				jobs, send := jobsWith(t, api, func(context.Context, *gatesock.Request, query) (report, error) {
					<-time.After(3 * time.Second)
					return report{}, nil
				})
				for _, id := range []string{"a", "b", "c"} {
					send(id)
				}
				h := sqsjobs.Handler(jobs, append(c.options, sqsjobs.WithLogger(quiet()))...)
				require.Equal(t, c.want, sqstest.Failures(t, c.timeout, h, eventOf(t, 1, api.bodies...)))
				require.Len(t, api.waits, len(c.want))
				for handle, wait := range api.waits {
					require.Zero(t, wait, handle)
				}
			})
		})
	}
}

// TestDelays: what an error says about the next attempt is kept, and the delay grows with the
// receives.
func TestDelays(t *testing.T) {
	t.Parallel()
	plain := errors.New("the database is down")
	busy := &gatesock.Error{Code: gatesock.CodeUnavailable, RetryAfter: 5*time.Minute - 1}
	for name, c := range map[string]struct {
		err         error
		receives    int
		least, most int32
	}{
		"not known":  {plain, 0, 1, 2},
		"the first":  {plain, 1, 1, 2},
		"the second": {plain, 2, 2, 4},
		"the fifth":  {plain, 5, 16, 32},
		"said by":    {busy, 1, 300, 300},
		"for good":   {async.Final(plain), 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := new(queueless)
			jobs, send := jobsWith(t, api, func(context.Context, *gatesock.Request, query) (report, error) {
				return report{}, c.err
			}, async.WithAttempts(10))
			send("a")
			h := sqsjobs.Handler(jobs, sqsjobs.WithLogger(quiet()), sqsjobs.WithMaxReceiveCount(11))
			require.Len(t, sqstest.Failures(t, time.Minute, h, eventOf(t, c.receives, api.bodies...)), 1)
			require.GreaterOrEqual(t, api.waits["m0"], c.least)
			require.LessOrEqual(t, api.waits["m0"], c.most)
		})
	}
}

// TestDelayFails: the message has failed all the same, and returns after the visibility timeout.
func TestDelayFails(t *testing.T) {
	t.Parallel()
	api := new(queueless)
	jobs, send := jobsWith(t, api, func(context.Context, *gatesock.Request, query) (report, error) {
		return report{}, errors.New("the database is down")
	})
	send("a")
	api.err = errors.New("not allowed")
	log := new(syncBuffer)
	h := sqsjobs.Handler(jobs, sqsjobs.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
	require.Len(t, sqstest.Failures(t, time.Minute, h, eventOf(t, 1, api.bodies...)), 1)
	require.Regexp(t, `sqsMessageId=m0 receives=1 visibilityError="not allowed" error=".*the database is down"`, log.String())
}

// TestJobsWithAnotherQueue: without a Queue of this package there are no delays.
func TestJobsWithAnotherQueue(t *testing.T) {
	t.Parallel()
	jobs := async.New(sendOnly{}, wstest.NewRecorder(), async.NewMemoryOutcomes())
	h := sqsjobs.Handler(jobs, sqsjobs.WithLogger(quiet()))
	require.Len(t, sqstest.Failures(t, time.Minute, h, eventOf(t, 1, "not a job")), 1)
}

type sendOnly struct{}

func (sendOnly) Enqueue(context.Context, async.Job) error { return nil }

func TestOtherEvents(t *testing.T) {
	t.Parallel()
	h := sqsjobs.Handler(async.New(sendOnly{}, wstest.NewRecorder(), async.NewMemoryOutcomes()))
	_, err := h.Invoke(t.Context(), []byte(`{"requestContext":{}}`))
	require.EqualError(t, err, "sqsjobs: not an SQS event: Records is missing")
	answer, err := h.Invoke(t.Context(), []byte(`{"Records":[]}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"batchItemFailures":[]}`, string(answer))
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for want, url := range map[string]string{
		"sqsjobs: New: queueURL is empty":                              "",
		"sqsjobs: New: queueURL: https://sqs/1/q.fifo is a FIFO queue": "https://sqs/1/q.fifo",
	} {
		_, err := sqsjobs.New(new(queueless), url)
		require.ErrorContains(t, err, want)
	}
	jobs := async.New(sendOnly{}, wstest.NewRecorder(), async.NewMemoryOutcomes())
	require.PanicsWithValue(t, "sqsjobs: New: client must not be nil", func() { _, _ = sqsjobs.New(nil, "u") })
	require.PanicsWithValue(t, "sqsjobs: Handler: jobs must not be nil", func() { sqsjobs.Handler(nil) })
	require.PanicsWithValue(t, "sqsjobs: Handler: an option is nil", func() { sqsjobs.Handler(jobs, nil) })
	require.PanicsWithValue(t, "sqsjobs: WithMaxReceiveCount: n must be at least 2", func() { sqsjobs.WithMaxReceiveCount(1) })
	many := async.New(sendOnly{}, wstest.NewRecorder(), async.NewMemoryOutcomes(), async.WithAttempts(5))
	require.PanicsWithValue(t, "sqsjobs: Handler: jobs tries a job 5 times, which needs a queue with a maxReceiveCount of 6; "+
		"it is taken to have 5, see WithMaxReceiveCount", func() { sqsjobs.Handler(many) })
	require.NotPanics(t, func() { sqsjobs.Handler(many, sqsjobs.WithMaxReceiveCount(6)) })
	require.PanicsWithValue(t, "sqsjobs: WithLogger: l must not be nil", func() { sqsjobs.WithLogger(nil) })
	require.PanicsWithValue(t, "sqsjobs: WithMinTime: d must not be negative", func() { sqsjobs.WithMinTime(-1) })
}

// TestEnqueue: the job arrives as it was, a job that is too large is not sent, and errors name the
// job.
func TestEnqueue(t *testing.T) {
	t.Parallel()
	url := sqstest.Queue(t, nil)
	queue, err := sqsjobs.New(sqstest.Client(t), url)
	require.NoError(t, err)
	job := func(n int) async.Job {
		return async.Job{
			ID: "c=/m", Route: "report", ConnectionID: "c=", RequestID: "ü\x00",
			Event: []byte(`{"body":"` + strings.Repeat("\u00fc", n) + `"}`),
		}
	}
	require.NoError(t, queue.Enqueue(t.Context(), job(gatesock.MaxMessageSize/2)), "the largest that a client can cause")
	messages := sqstest.Receive(t, url, 1, 600)
	require.Len(t, messages, 1)
	got, err := async.ParseJob([]byte(*messages[0].Body))
	require.NoError(t, err)
	require.Equal(t, "ü\x00", got.RequestID)
	var want, have map[string]string
	require.NoError(t, json.Unmarshal(job(gatesock.MaxMessageSize/2).Event, &want))
	require.NoError(t, json.Unmarshal(got.Event, &have))
	require.Equal(t, want, have)

	require.ErrorIs(t, queue.Enqueue(t.Context(), job(1<<20)), async.ErrTooLarge)
	require.True(t, len(sqstest.Receive(t, url, 1, 600)) == 0)
	require.ErrorIs(t, queue.Enqueue(t.Context(), async.Job{}), async.ErrBadJob)

	failing, err := sqsjobs.New(&queueless{err: errors.New("no queue")}, "https://sqs/1/jobs")
	require.NoError(t, err)
	require.EqualError(t, failing.Enqueue(t.Context(), job(1)), "sqsjobs: send job c=/m to https://sqs/1/jobs: no queue")
}

func TestNeed(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	r.DeclareNeeds(sqsjobs.Need("JOBS", "jobs"), sqsjobs.Need("OTHERS", ""))
	require.Equal(t, []gatesock.Need{
		{
			Kind: gatesock.NeedQueue, Variable: "JOBS", Source: "jobs",
			Actions: []string{"sqs:ChangeMessageVisibility", "sqs:SendMessage"},
		},
		{Kind: gatesock.NeedQueue, Variable: "OTHERS", Actions: []string{"sqs:SendMessage"}},
	}, r.Describe().Needs)
}
