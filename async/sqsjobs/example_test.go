package sqsjobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/async/sqsjobs"
	"github.com/gatesock/gatesock/eventmux"
)

// line stands for a queue and its event source: each message becomes an event.
type line struct{ bodies []string }

func (l *line) SendMessage(
	_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	l.bodies = append(l.bodies, *in.MessageBody)
	return new(sqs.SendMessageOutput), nil
}

func (l *line) ChangeMessageVisibility(
	context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityOutput, error) {
	return new(sqs.ChangeMessageVisibilityOutput), nil
}

// event returns the event of the first message, received for the nth time.
func (l *line) event(n int) []byte {
	event, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"messageId": "message-1", "receiptHandle": "handle", "body": l.bodies[0], "eventSource": "aws:sqs",
		"eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:jobs",
		"attributes":     map[string]string{"ApproximateReceiveCount": fmt.Sprint(n)},
	}}})
	if err != nil {
		panic(err)
	}
	return event
}

// printer is a Poster that prints what a connection would get.
type printer struct{}

func (printer) Post(_ context.Context, _ gatesock.Target, data []byte) error {
	fmt.Printf("posted: %s\n", data)
	return nil
}

const message = `{"requestContext":{"routeKey":"report","eventType":"MESSAGE","connectionId":"L0SM9cOFvHcCIhw=",
	"messageId":"L0SM9"},"body":"{\"action\":\"report\",\"id\":\"1\",\"year\":2026}"}`

// The first invocation answers the client and sends the job to the queue. The queue invokes the
// function again, which does the job and posts the result.
func Example() {
	line := new(line) // an sqs.Client
	queue, err := sqsjobs.New(line, "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs")
	if err != nil {
		fmt.Println(err)
		return
	}
	jobs := async.New(queue, printer{}, async.NewMemoryOutcomes())
	r := gatesock.New()
	async.HandleReply(r, jobs, "report", func(_ context.Context, _ *gatesock.Request, in struct{ Year int }) (string, error) {
		return fmt.Sprint("the report of ", in.Year), nil
	})
	function := eventmux.New(eventmux.WebSocket(r), eventmux.SQS("jobs", sqsjobs.Handler(jobs)))

	ctx := context.Background()
	response, err := function.Invoke(ctx, []byte(message))
	var answer struct{ Body string }
	err = errors.Join(err, json.Unmarshal(response, &answer))
	fmt.Println("first invocation:", answer.Body, err)
	response, err = function.Invoke(ctx, line.event(1))
	fmt.Println("second invocation:", string(response), err)
	// Output:
	// first invocation: {"id":"1","action":"report","data":null} <nil>
	// posted: {"event":"report","id":"1","data":"the report of 2026"}
	// second invocation: {"batchItemFailures":[]} <nil>
}

// A job that fails stays in the queue. After the last attempt the client gets an error, and the
// message gets into the dead-letter queue.
func ExampleHandler_fails() {
	line, quiet := new(line), slog.New(slog.DiscardHandler)
	queue, err := sqsjobs.New(line, "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs")
	if err != nil {
		fmt.Println(err)
		return
	}
	jobs := async.New(queue, printer{}, async.NewMemoryOutcomes(), async.WithAttempts(2))
	r := gatesock.New(gatesock.WithLogger(quiet))
	async.Handle(r, jobs, "report", func(context.Context, *gatesock.Request, struct{ Year int }) error {
		return errors.New("the database is down")
	})
	handler := sqsjobs.Handler(jobs, sqsjobs.WithLogger(quiet))

	ctx := context.Background()
	if _, err := r.Invoke(ctx, []byte(message)); err != nil {
		fmt.Println(err)
		return
	}
	for n := range 3 { // maxReceiveCount
		response, err := handler.Invoke(ctx, line.event(n+1))
		fmt.Println(string(response), err)
	}
	// Output:
	// {"batchItemFailures":[{"itemIdentifier":"message-1"}]} <nil>
	// posted: {"event":"report","id":"1","error":{"code":"internal","message":"internal error"}}
	// {"batchItemFailures":[{"itemIdentifier":"message-1"}]} <nil>
	// {"batchItemFailures":[{"itemIdentifier":"message-1"}]} <nil>
}
