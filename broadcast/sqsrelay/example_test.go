package sqsrelay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/broadcast/sqsrelay"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
)

// line stands for a queue and its event source: it makes an event of each message.
type line struct{ events [][]byte }

func (l *line) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	event, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"messageId": fmt.Sprintf("message-%d", len(l.events)+1), "body": *in.MessageBody, "eventSource": "aws:sqs",
	}}})
	l.events = append(l.events, event)
	return new(sqs.SendMessageOutput), err
}

// A send that has no time is carried on by the next invocation, which the queue brings about.
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
	b := broadcast.New(new(clients), store, broadcast.WithRelay(relay), broadcast.WithDeadlineMargin(10*time.Second))
	var receipts []broadcast.Report
	function := eventmux.New(eventmux.SQS(eventmux.Any, sqsrelay.Handler(b,
		sqsrelay.WithReports(func(_ context.Context, r broadcast.Report) error {
			receipts = append(receipts, r)
			return nil
		}))))

	short, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	report, err := b.Send(short, broadcast.To("room:1"), gatesock.Push{Event: "hello"})
	fmt.Println("delivered", report.Delivered, "jobs", len(report.HandedOff), err)
	receipts = append(receipts, report)

	answer, err := function.Invoke(ctx, queue.events[0])
	fmt.Println(string(answer), err)
	total, missing := broadcast.MergeReports(report.ID, receipts...)
	fmt.Println("delivered", total.Delivered, "of", total.Audience, "missing", len(missing))
	// Output:
	// delivered 0 jobs 1 <nil>
	// {"batchItemFailures":[]} <nil>
	// delivered 3 of 3 missing 0
}

func ExampleWithMaxMessageSize() {
	relay, err := sqsrelay.New(new(line), "https://sqs.eu-west-1.amazonaws.com/123456789012/fanout",
		sqsrelay.WithMaxMessageSize(64<<10))
	if err != nil {
		fmt.Println(err)
		return
	}
	err = relay.Relay(context.Background(), broadcast.Job{ID: "1f", Frame: make([]byte, 100_000)})
	fmt.Println(errors.Is(err, sqsrelay.ErrTooLarge))
	// Output:
	// true
}
