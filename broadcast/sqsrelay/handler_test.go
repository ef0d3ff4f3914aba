package sqsrelay_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/broadcast/sqsrelay"
)

func TestEmptyBatch(t *testing.T) {
	t.Parallel()
	h := sqsrelay.Handler(broadcast.New(new(clients), members(t, 0), broadcast.WithRelay(new(drawer))))
	answer, err := h.Invoke(t.Context(), []byte(`{"Records":[]}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"batchItemFailures":[]}`, string(answer))
}

func TestEventThatIsNotOfSQS(t *testing.T) {
	t.Parallel()
	h := sqsrelay.Handler(broadcast.New(new(clients), members(t, 0), broadcast.WithRelay(new(drawer))))
	for payload, want := range map[string]string{
		``:                           "sqsrelay: not an SQS event: unexpected end of JSON input",
		`[]`:                         "sqsrelay: not an SQS event: json: cannot unmarshal",
		`null`:                       "sqsrelay: not an SQS event: Records is missing",
		`{"requestContext":{}}`:      "sqsrelay: not an SQS event: Records is missing",
		`{"Records":{}}`:             "sqsrelay: not an SQS event: json: cannot unmarshal",
		`{"Records":[{"body":"x"}]}`: `sqsrelay: not an SQS event: record 0 is from ""`,
		`{"Records":[{"EventSource":"aws:sns","Sns":{}}]}`:   `sqsrelay: not an SQS event: record 0 is from "aws:sns"`,
		`{"Records":[{"eventSource":"aws:sqs","body":"x"}]}`: "sqsrelay: record 0 of the SQS event has no messageId",
		`{"Records":[null]}`: `sqsrelay: not an SQS event: record 0 is from ""`,
	} {
		answer, err := h.Invoke(t.Context(), []byte(payload))
		require.ErrorContains(t, err, want, payload)
		require.Nil(t, answer)
	}
}

// TestFailuresAreLogged by message id, and by what the queue knows of the message.
func TestFailuresAreLogged(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	h := sqsrelay.Handler(broadcast.New(new(clients), members(t, 0), broadcast.WithRelay(new(drawer))),
		sqsrelay.WithLogger(slog.New(slog.NewTextHandler(&text, nil))))
	require.Equal(t, map[string]bool{"m0": true}, failures(t, time.Minute, h, event(t, []byte("x"))))
	require.Regexp(t, `level=ERROR msg="sqsrelay: .*" sqsMessageId=m0 receives=1 error="broadcast: malformed job`, text.String())
}

// TestBroadcasterWithoutRelay is a mistake that shows at start-up, not in the dead-letter queue.
func TestBroadcasterWithoutRelay(t *testing.T) {
	t.Parallel()
	for _, b := range []*broadcast.Broadcaster{nil, {}, broadcast.New(new(clients), members(t, 1))} {
		require.PanicsWithValue(t, map[bool]string{
			true: "sqsrelay: Handler: b must not be nil", false: "sqsrelay: Handler: b has no Relay, see broadcast.WithRelay",
		}[b == nil], func() { sqsrelay.Handler(b) })
	}
}

func TestJobTwiceInABatch(t *testing.T) {
	t.Parallel()
	store, gateway := members(t, 5), new(clients)
	job := jobs(t, store, broadcast.To("all"))[0].Encode()
	var kept reports
	h := sqsrelay.Handler(broadcast.New(gateway, store, broadcast.WithRelay(new(drawer))), sqsrelay.WithReports(kept.keep))
	require.Empty(t, failures(t, time.Minute, h, event(t, job, job, job)))
	require.Equal(t, map[int]int{1: 5}, gateway.counts())
	require.Len(t, kept.all, 1)
}

// TestFailedJobTwiceInABatch: both messages fail, and the one that comes twice is named once.
func TestFailedJobTwiceInABatch(t *testing.T) {
	t.Parallel()
	store := members(t, 1)
	job := jobs(t, store, broadcast.To("all"))[0].Encode()
	var tries int
	b := broadcast.New(&clients{post: func(string) error { tries++; panic("a bug") }}, store, broadcast.WithRelay(new(drawer)))
	h := sqsrelay.Handler(b, sqsrelay.WithLogger(quiet()))
	batch := event(t, job, job, []byte("x"))
	batch = bytes.ReplaceAll(batch, []byte(`"m2"`), []byte(`"m0"`))
	require.Equal(t, map[string]bool{"m0": true, "m1": true}, failures(t, time.Minute, h, batch))
	require.Equal(t, 1, tries)
}

// TestReportsFail: the job was done, so it is not done again.
func TestReportsFail(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]func(context.Context, broadcast.Report) error{
		"by an error": func(context.Context, broadcast.Report) error { return errors.New("the table is full") },
		"by a panic":  func(context.Context, broadcast.Report) error { panic("the table is full") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := members(t, 1)
			job := jobs(t, store, broadcast.To("all"))[0]
			var text bytes.Buffer
			h := sqsrelay.Handler(broadcast.New(new(clients), store, broadcast.WithRelay(new(drawer))),
				sqsrelay.WithReports(keep), sqsrelay.WithLogger(slog.New(slog.NewTextHandler(&text, nil))))
			require.Empty(t, failures(t, time.Minute, h, event(t, job.Encode())))
			require.Contains(t, text.String(), "job="+job.ID)
			require.Contains(t, text.String(), "the table is full")
		})
	}
}

// TestNoReportOfAFailedJob: it would stand in the way of that of the next try.
func TestNoReportOfAFailedJob(t *testing.T) {
	t.Parallel()
	store := members(t, 1)
	job := jobs(t, store, broadcast.To("all"))[0]
	b := broadcast.New(&clients{post: func(string) error { panic("a bug") }}, store, broadcast.WithRelay(new(drawer)))
	var kept reports
	h := sqsrelay.Handler(b, sqsrelay.WithReports(kept.keep), sqsrelay.WithLogger(quiet()))
	require.Len(t, failures(t, time.Minute, h, event(t, job.Encode())), 1)
	require.Empty(t, kept.all)
}

// TestNoTimeForAll: those of a batch that are not begun are not done.
func TestNoTimeForAll(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		timeout time.Duration
		options []sqsrelay.Option
		want    map[string]bool
	}{
		"for all":           {20 * time.Second, nil, map[string]bool{}},
		"for two":           {7 * time.Second, nil, map[string]bool{"m2": true}},
		"for the first":     {4 * time.Second, nil, map[string]bool{"m1": true, "m2": true}},
		"less than for one": {1 * time.Second, nil, map[string]bool{"m1": true, "m2": true}},
		"for none":          {0, nil, map[string]bool{"m0": true, "m1": true, "m2": true}},
		"set by the user": {
			20 * time.Second,
			[]sqsrelay.Option{sqsrelay.WithMinTime(18 * time.Second)},
			map[string]bool{"m1": true, "m2": true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := members(t, 3)
			made := jobs(t, store, broadcast.ToConnections("c0"), broadcast.ToConnections("c1"), broadcast.ToConnections("c2"))
			batch := event(t, made[0].Encode(), made[1].Encode(), made[2].Encode())
			synctest.Test(t, func(t *testing.T) {
				b := broadcast.New(&clients{takes: 3 * time.Second}, store, broadcast.WithRelay(new(drawer)),
					broadcast.WithDeadlineMargin(time.Second), broadcast.WithPostTimeout(10*time.Second))
				h := sqsrelay.Handler(b, append(c.options, sqsrelay.WithLogger(quiet()))...)
				require.Equal(t, c.want, failures(t, c.timeout, h, batch))
			})
		})
	}
}

// TestInvocationsAtOnce: one handler serves them all, as an emulator lets it.
func TestInvocationsAtOnce(t *testing.T) {
	t.Parallel()
	store, gateway := members(t, 100), new(clients)
	batch := event(t, jobs(t, store, broadcast.To("all"))[0].Encode(), []byte("x"))
	h := sqsrelay.Handler(broadcast.New(gateway, store, broadcast.WithRelay(new(drawer))), sqsrelay.WithLogger(quiet()))
	answers := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i], _ = h.Invoke(t.Context(), batch) })
	}
	wg.Wait()
	for _, answer := range answers {
		require.JSONEq(t, `{"batchItemFailures":[{"itemIdentifier":"m1"}]}`, string(answer))
	}
	require.Equal(t, map[int]int{8: 100}, gateway.counts())
}

// TestHandingOffFails: what could not be handed off is still in the job's message.
func TestHandingOffFails(t *testing.T) {
	t.Parallel()
	store := members(t, 5)
	job := jobs(t, store, broadcast.To("all"))[0].Encode()
	relay, err := sqsrelay.New(apiFunc(func(context.Context, *sqs.SendMessageInput) error { return errors.New("no queue") }), "q")
	require.NoError(t, err)
	var kept reports
	var text bytes.Buffer
	h := sqsrelay.Handler(broadcast.New(new(clients), store, broadcast.WithRelay(relay), noTime()),
		sqsrelay.WithReports(kept.keep), sqsrelay.WithLogger(slog.New(slog.NewTextHandler(&text, nil))))
	require.Equal(t, map[string]bool{"m0": true}, failures(t, time.Minute, h, event(t, job)))
	require.Empty(t, kept.all)
	require.Contains(t, text.String(), "to q: no queue")
}
