package sqsrelay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/broadcast/sqsrelay"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
)

// line stands for a queue and its event source: each message becomes an event.
type line struct{ events [][]byte }

func (l *line) SendMessage(
	_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	event, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"messageId": fmt.Sprintf("message-%d", len(l.events)+1), "body": *in.MessageBody, "eventSource": "aws:sqs",
	}}})
	l.events = append(l.events, event)
	return new(sqs.SendMessageOutput), err
}

// The first invocation has no time to post, so that its send becomes a job in the queue. The queue
// invokes the function again, which does the job. The merged reports count every member once.
func Example() {
	ctx := context.Background()
	store := conn.NewMemory()
	for _, id := range []string{"ann", "bob", "cy"} {
		if err := store.Put(ctx, conn.Conn{ID: id, Groups: []string{"room:1"}}); err != nil {
			fmt.Println(err)
			return
		}
	}
	queue := new(line) // an sqs.Client
	relay, err := sqsrelay.New(queue, "https://sqs.eu-west-1.amazonaws.com/123456789012/fanout")
	if err != nil {
		fmt.Println(err)
		return
	}
	b := broadcast.New(new(clients), store,
		broadcast.WithRelay(relay), broadcast.WithDeadlineMargin(time.Hour))
	var reports []broadcast.Report
	keep := func(_ context.Context, r broadcast.Report) error {
		reports = append(reports, r)
		return nil
	}
	function := eventmux.New(eventmux.SQS(eventmux.Any, sqsrelay.Handler(b, sqsrelay.WithReports(keep))))

	first, cancel := context.WithTimeout(ctx, time.Hour) // no longer than the margin
	defer cancel()
	report, err := b.Send(first, broadcast.To("room:1"), gatesock.Push{Event: "hello"})
	fmt.Println("first invocation: delivered", report.Delivered, "handed off", len(report.HandedOff), err)

	response, err := function.Invoke(ctx, queue.events[0])
	fmt.Println("second invocation:", string(response), err)
	total, missing := broadcast.MergeReports(report.ID, append(reports, report)...)
	fmt.Println("together: delivered", total.Delivered, "of", total.Audience, "missing", missing)
	// Output:
	// first invocation: delivered 0 handed off 1 <nil>
	// second invocation: {"batchItemFailures":[]} <nil>
	// together: delivered 3 of 3 missing []
}

// A message that is not a job is reported as failed and logged. It stays in the queue, and gets
// into the dead-letter queue in the end.
func ExampleHandler_damagedMessage() {
	relay, err := sqsrelay.New(new(line), "https://sqs.eu-west-1.amazonaws.com/123456789012/fanout")
	if err != nil {
		fmt.Println(err)
		return
	}
	b := broadcast.New(new(clients), conn.NewMemory(), broadcast.WithRelay(relay))
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: onlyError}))
	handler := sqsrelay.Handler(b, sqsrelay.WithLogger(log))

	event := `{"Records":[{"messageId":"m1","eventSource":"aws:sqs","body":"{}"}]}`
	response, err := handler.Invoke(context.Background(), []byte(event))
	fmt.Println(string(response), err)
	// Output:
	// sqsMessageId=m1 error="broadcast: malformed job: version 0 is unknown, want 1"
	// {"batchItemFailures":[{"itemIdentifier":"m1"}]} <nil>
}

// onlyError shortens a log for this page.
func onlyError(_ []string, a slog.Attr) slog.Attr {
	if a.Key == "sqsMessageId" || a.Key == "error" {
		return a
	}
	return slog.Attr{}
}
