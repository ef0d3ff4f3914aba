package async_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
)

// printer is a Poster that prints. In Lambda it is a Client of package apigw.
type printer struct{}

func (printer) Post(_ context.Context, to gatesock.Target, frame []byte) error {
	fmt.Printf("to %s: %s\n", to.ConnectionID, frame)
	return nil
}

// exchange has a router handle a message as the gateway would.
func exchange(r *gatesock.Router, id, body string) {
	answer, err := r.Invoke(context.Background(), message(id, body))
	fmt.Println(string(answer), err)
}

// A handler that takes long runs in another invocation. Here the queue is in memory, and Drain does
// what that invocation does.
func ExampleHandleReply() {
	queue := async.NewMemoryQueue()
	jobs := async.New(queue, printer{}, async.NewMemoryOutcomes())

	r := gatesock.New()
	async.HandleReply(r, jobs, "add", func(_ context.Context, _ *gatesock.Request, in sum) (total, error) {
		return total{in.A + in.B}, nil // after minutes
	})

	exchange(r, "m1", `{"action":"add","id":"1","a":1,"b":2}`)
	queue.Drain(context.Background(), jobs)
	// Output:
	// {"statusCode":200,"body":"{\"id\":\"1\",\"action\":\"add\",\"data\":null}"} <nil>
	// to c1: {"event":"add","id":"1","data":{"total":3}}
}

// A fault is tried again. An error that the client has caused is not.
func ExampleJobs_Run_errors() {
	quiet := slog.New(slog.DiscardHandler)
	queue := async.NewMemoryQueue(async.WithLogger(quiet))
	jobs := async.New(queue, printer{}, async.NewMemoryOutcomes(), async.WithAttempts(3))

	r := gatesock.New(gatesock.WithLogger(quiet))
	attempts := 0
	async.Handle(r, jobs, "import", func(_ context.Context, _ *gatesock.Request, in sum) error {
		attempts++
		switch {
		case in.A == 0:
			return gatesock.Errorf(gatesock.CodeFailedPrecondition, "no rows")
		case attempts < 3:
			return errors.New("the table is throttled")
		}
		return nil
	})

	exchange(r, "m1", `{"action":"import","id":"1"}`)
	queue.Drain(context.Background(), jobs)
	exchange(r, "m2", `{"action":"import","id":"2","a":1}`)
	queue.Drain(context.Background(), jobs)
	fmt.Println("attempts:", attempts)
	// Output:
	// {"statusCode":200,"body":"{\"id\":\"1\",\"action\":\"import\",\"data\":null}"} <nil>
	// to c1: {"event":"import","id":"1","error":{"code":"failed_precondition","message":"no rows"}}
	// {"statusCode":200,"body":"{\"id\":\"2\",\"action\":\"import\",\"data\":null}"} <nil>
	// to c1: {"event":"import","id":"2","data":null}
	// attempts: 3
}
