// Command progress does work that takes longer than the 29 seconds of API Gateway, and lets the
// client watch. The handler runs in another invocation, by a queue; the client is answered at once,
// and gets a push for each part that is done and one with the result.
//
//	$ go run ./progress
//	■□□□ 1 of 4
//	■■□□ 2 of 4
//	■■■□ 3 of 4
//	■■■■ 4 of 4
//	10 rows imported
//
// progress.go has the application. In production the queue is one of Amazon SQS, with package
// async/sqsjobs. Progress and result are for the connection that asked. If they must outlive that,
// because the page may be loaded again, publish them in a topic, as in examples/tokens.
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/examples/internal/demo"
)

func main() {
	ctx, end := context.WithCancel(context.Background())
	defer end()
	url, stop := demo.Serve(ctx, func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		queue := async.NewMemoryQueue()
		jobs := async.New(queue, api, async.NewMemoryOutcomes())
		go queue.Run(ctx, jobs)
		return newApp(jobs, broadcast.New(api, conn.NewMemory()), load), nil
	})
	defer stop()

	c := demo.Connect(ctx, url)
	defer c.Close()
	watch := c.Listen("progress")
	result := make(chan Imported, 1)
	go func() {
		files := []string{"a.csv", "bb.csv", "ccc.csv", "dddd.csv"}
		result <- demo.Must(client.Call[Imported](ctx, c, "import", Import{files}, client.AwaitResult()))
	}()
	for push, err := range watch.Pushes(ctx) {
		var p Progress
		demo.Check(errors.Join(err, push.Decode(&p)))
		fmt.Printf("%s%s %d of %d\n", strings.Repeat("■", p.Done), strings.Repeat("□", p.Of-p.Done), p.Done, p.Of)
		if p.Done == p.Of {
			break
		}
	}
	fmt.Println((<-result).Rows, "rows imported")
}

// load stands for the work.
func load(_ context.Context, file string) (rows int, err error) {
	<-time.After(200 * time.Millisecond)
	return len(file) - len(".csv"), nil
}
