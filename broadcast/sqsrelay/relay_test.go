package sqsrelay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/broadcast/sqsrelay"
	"github.com/gatesock/gatesock/internal/sqstest"
)

// apiFunc is an API.
type apiFunc func(ctx context.Context, in *sqs.SendMessageInput) error

func (f apiFunc) SendMessage(ctx context.Context, in *sqs.SendMessageInput,
	_ ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	return new(sqs.SendMessageOutput), f(ctx, in)
}

func taken(context.Context, *sqs.SendMessageInput) error { return nil }

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		client sqsrelay.API
		url    string
	}{
		"sqsrelay: New: queueURL is empty":                              {apiFunc(taken), ""},
		"sqsrelay: New: queueURL: https://sqs/1/q.fifo is a FIFO queue": {apiFunc(taken), "https://sqs/1/q.fifo"},
	} {
		_, err := sqsrelay.New(c.client, c.url)
		require.ErrorContains(t, err, want)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "sqsrelay: New: client must not be nil", func() { _, _ = sqsrelay.New(nil, "u") })
	require.Panics(t, func() { sqsrelay.WithLogger(nil) })
	require.Panics(t, func() { sqsrelay.WithReports(nil) })
	require.Panics(t, func() { sqsrelay.WithMinTime(-1) })
	require.Panics(t, func() { sqsrelay.Handler(nil) })
}

func TestJobArrivesAsItWas(t *testing.T) {
	t.Parallel()
	queue := sqstest.Queue(t, nil)
	relay, err := sqsrelay.New(sqstest.Client(t), queue)
	require.NoError(t, err)
	want := jobs(t, members(t, 3), broadcast.To("all"))[0]
	require.NoError(t, relay.Relay(t.Context(), want))
	messages := sqstest.Receive(t, queue, 1, 30)
	require.Len(t, messages, 1)
	got, err := broadcast.ParseJob([]byte(*messages[0].Body))
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestDelay(t *testing.T) {
	t.Parallel()
	for delay, want := range map[time.Duration]int32{
		-time.Second: 0, 0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, 899*time.Second + 1: 900, 900 * time.Second: 900,
		time.Hour: 900, 1<<63 - 1: 900,
	} {
		var got int32
		relay, err := sqsrelay.New(apiFunc(func(_ context.Context, in *sqs.SendMessageInput) error {
			got = in.DelaySeconds
			return nil
		}), "queue")
		require.NoError(t, err)
		require.NoError(t, relay.Relay(t.Context(), broadcast.Job{Delay: delay}))
		require.Equal(t, want, got, delay)
	}
}

// The largest job that the relay sends is the largest that the queue accepts.
func TestJobAboveTheLimit(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	queue := sqstest.Queue(t, map[string]string{"MaximumMessageSize": fmt.Sprint(limit)})
	relay, err := sqsrelay.New(sqstest.Client(t), queue)
	require.NoError(t, err)
	job := broadcast.Job{ID: "the-job"}
	job.Cursor = strings.Repeat("x", limit-len(job.Encode()))
	require.NoError(t, relay.Relay(t.Context(), job))
	job.Cursor += "x"
	err = relay.Relay(t.Context(), job)
	require.ErrorIs(t, err, sqsrelay.ErrTooLarge)
	require.EqualError(t, err, "sqsrelay: the job is too large for a message: "+
		"job the-job has 1048577 bytes, at most 1048576 are allowed")
	require.Len(t, sqstest.Receive(t, queue, 2, 30), 1)
}

// A queue with a lower limit refuses a job itself.
func TestQueueWithALowerLimit(t *testing.T) {
	t.Parallel()
	relay, err := sqsrelay.New(sqstest.Client(t), sqstest.Queue(t, map[string]string{"MaximumMessageSize": "1024"}))
	require.NoError(t, err)
	err = relay.Relay(t.Context(), broadcast.Job{ID: "the-job", Frame: make([]byte, 1024)})
	require.ErrorContains(t, err, "sqsrelay: send job the-job to http")
	var refusal smithy.APIError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, "InvalidParameterValue", refusal.ErrorCode())
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	queue := sqstest.Queue(t, nil)
	relay, err := sqsrelay.New(sqstest.Client(t), queue)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, relay.Relay(ctx, broadcast.Job{}), context.Canceled)
	require.True(t, sqstest.Empty(t, queue))
}

// throttled answers so many requests as SQS does when there are too many.
type throttled struct{ answers int }

func (r *throttled) Do(*http.Request) (*http.Response, error) {
	response := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}
	if r.answers > 0 {
		response.StatusCode = http.StatusBadRequest
		response.Body = io.NopCloser(strings.NewReader(`{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow down"}`))
	}
	r.answers--
	return response, nil
}

// TestThrottlingIsRetriedByTheClient as long as its retryer does.
func TestThrottlingIsRetriedByTheClient(t *testing.T) {
	t.Parallel()
	for answers, want := range map[int]error{2: nil, 3: errors.New("slow down")} {
		client := sqs.New(sqs.Options{
			Region: "us-east-1", Credentials: aws.AnonymousCredentials{}, HTTPClient: &throttled{answers},
			DisableMessageChecksumValidation: true,
			Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff = 3, time.Millisecond
			}),
		})
		relay, err := sqsrelay.New(client, "https://sqs.us-east-1.amazonaws.com/1/q")
		require.NoError(t, err)
		err = relay.Relay(t.Context(), broadcast.Job{})
		if want == nil {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want.Error())
		}
	}
}
