package sqsjobs_test

import (
	"bytes"
	"context"
	"log/slog"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/async/sqsjobs"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/sqstest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/wstest"
)

type (
	query  struct{ Year int }
	report struct{ Sum int }

	// maker is the handler of the route.
	maker = func(context.Context, *gatesock.Request, query) (report, error)
)

// newFunction returns what a process of the application runs in Lambda.
func newFunction(
	api sqsjobs.API, url string, poster gatesock.Poster, outcomes async.Outcomes, log *slog.Logger, h maker,
	opts ...async.Option,
) (lambda.Handler, error) {
	queue, err := sqsjobs.New(api, url)
	if err != nil {
		return nil, err
	}
	jobs := async.New(queue, poster, outcomes, append(opts, async.WithLogger(log))...)
	r := gatesock.New(gatesock.WithLogger(log))
	async.HandleReply(r, jobs, "report", h)
	return eventmux.New(
		eventmux.WebSocket(r),
		eventmux.SQS(path.Base(url), sqsjobs.Handler(jobs, sqsjobs.WithLogger(log))),
	), nil
}

// attempts is how often the application of the tests tries a job.
const attempts = 3

// app is an application between a gateway and a queue.
type app struct {
	*wstest.Server

	function sqstest.Function
	dead     string // the dead-letter queue
	api      *impatient
	clock    *testclock.Clock
	posts    *wstest.Recorder
	log      *syncBuffer
}

// newApp returns an application whose outcomes are in a table, and a client of it.
func newApp(t *testing.T, outcomes func(*testing.T, *testclock.Clock) async.Outcomes, h maker) (*app, *wstest.Client) {
	t.Helper()
	a := &app{
		api: &impatient{Client: sqstest.Client(t)}, clock: testclock.New(testclock.Noon()),
		posts: wstest.NewRecorder(), log: new(syncBuffer),
	}
	url, dead := sqstest.QueueWithDeadLetters(t, attempts+1)
	a.dead = dead
	f, err := newFunction(a.api, url, a.posts, outcomes(t, a.clock), slog.New(slog.NewTextHandler(a.log, nil)), h,
		async.WithAttempts(attempts), async.WithClock(a.clock.Now))
	require.NoError(t, err)
	a.function = sqstest.Function{Queue: url, Timeout: time.Minute, Handler: f, Visibility: 600}
	a.Server = wstest.NewServer(t, f, wstest.WithPoster(a.posts))
	return a, a.Dial(t)
}

// inTable returns outcomes in a namespace of the tests' table.
func inTable(t *testing.T, clock *testclock.Clock) async.Outcomes {
	t.Helper()
	return dynamo.Open(dynamotest.Client(t), dynamotest.Table(t), dynamo.WithNamespace(dynamotest.Namespace(t)),
		dynamo.WithClock(clock.Now)).Outcomes()
}

// letters returns the jobs in the dead-letter queue.
func (a *app) letters(t *testing.T) []async.Job {
	t.Helper()
	var jobs []async.Job
	for _, m := range sqstest.Receive(t, a.dead, 10, 600) {
		job, err := async.ParseJob([]byte(*m.Body))
		require.NoError(t, err)
		jobs = append(jobs, job)
	}
	return jobs
}

// impatient is a client that does not let the tests wait: what is to be received later can be
// received at once. It keeps the seconds.
type impatient struct {
	*sqs.Client

	mu    sync.Mutex
	waits []int32
	err   error
}

func (i *impatient) ChangeMessageVisibility(
	ctx context.Context, in *sqs.ChangeMessageVisibilityInput, opts ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityOutput, error) {
	i.mu.Lock()
	i.waits = append(i.waits, in.VisibilityTimeout)
	err := i.err
	i.mu.Unlock()
	if err != nil {
		return nil, err
	}
	at := *in
	at.VisibilityTimeout = 0
	return i.Client.ChangeMessageVisibility(ctx, &at, opts...)
}

// syncBuffer is a buffer for a log.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
