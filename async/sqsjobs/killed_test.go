package sqsjobs_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/sqstest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/wstest"
)

// victimVariable has the services that the victim uses, as JSON.
const victimVariable = "GATESOCK_TEST_VICTIM"

// services is what the victim needs to know.
type services struct {
	SQS, DynamoDB, Queue, Table string
	Now                         time.Time
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestKilledInTheMiddle: nobody else does the job as long as the process that was killed might.
// Then the next delivery does.
func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	local, table := dynamotest.Local(t), "jobs-"+dynamotest.Namespace(t)
	require.NoError(t, dynamo.Open(local, table).CreateTable(t.Context()))
	a, client := newApp(t, func(_ *testing.T, clock *testclock.Clock) async.Outcomes {
		return dynamo.Open(local, table, dynamo.WithClock(clock.Now)).Outcomes()
	}, func(context.Context, *gatesock.Request, query) (report, error) { return report{Sum: 7}, nil })
	call := client.Request("report", query{})
	call.ExpectAck()
	messages := sqstest.Receive(t, a.function.Queue, 1, 600)
	require.Len(t, messages, 1)

	kill(t, services{
		SQS: *sqstest.Client(t).Options().BaseEndpoint, DynamoDB: *local.Options().BaseEndpoint,
		Queue: a.function.Queue, Table: table, Now: a.clock.Now(),
	}, sqstest.Event(t, a.function.Queue, messages))

	const timeout, margin = time.Minute, 2 * time.Second
	a.clock.Advance(timeout)
	require.Len(t, a.function.Invoke(t, messages), 1, "the process might still be at it")
	require.Empty(t, a.api.waits)
	require.Empty(t, a.posts.Posts())
	a.clock.Advance(margin)
	require.Empty(t, a.function.Invoke(t, messages))
	var got report
	call.ExpectResult(&got)
	require.Equal(t, report{7}, got)
}

// kill starts a process that is invoked with an event, and kills it while the handler runs.
func kill(t *testing.T, s services, event []byte) {
	t.Helper()
	settings, err := json.Marshal(s)
	require.NoError(t, err)
	victim := exec.CommandContext(t.Context(), os.Args[0])
	victim.Env = append(os.Environ(), victimVariable+"="+string(settings))
	victim.Stdin = bytes.NewReader(event)
	var problems bytes.Buffer
	victim.Stderr = &problems
	out, err := victim.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, victim.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, &problems)
	require.Equal(t, "the handler runs\n", line)
	require.NoError(t, victim.Process.Kill())
	require.Error(t, victim.Wait())
}

// victim serves one event, and does not come to an end.
func victim() {
	err := serveVictim()
	fmt.Fprintln(os.Stderr, "the victim has ended:", err)
	os.Exit(1)
}

func serveVictim() error {
	var s services
	if err := json.Unmarshal([]byte(os.Getenv(victimVariable)), &s); err != nil {
		return err
	}
	event, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	keys := credentials.NewStaticCredentialsProvider("gatesock", "gatesock", "")
	queues := sqs.New(sqs.Options{BaseEndpoint: &s.SQS, Region: "us-east-1", Credentials: keys})
	tables := dynamodb.New(dynamodb.Options{BaseEndpoint: &s.DynamoDB, Region: "us-east-1", Credentials: keys})
	now := func() time.Time { return s.Now }
	outcomes := dynamo.Open(tables, s.Table, dynamo.WithClock(now)).Outcomes()
	h, err := newFunction(queues, s.Queue, wstest.NewRecorder(), outcomes,
		slog.New(slog.NewTextHandler(os.Stderr, nil)),
		func(context.Context, *gatesock.Request, query) (report, error) {
			fmt.Fprintln(os.Stdout, "the handler runs")
			select {}
		}, async.WithClock(now))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = h.Invoke(ctx, event)
	return err
}
