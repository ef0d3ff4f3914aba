// Command tokens streams the answer of an assistant to those that read it, token by token: also
// after the page is loaded again, on a bad network, and from the start if they come late. Each
// answer is a topic. What is said is stored before it is sent, so a reader that has lost something
// asks for it. Here the model is a script.
//
//	$ go run ./tokens
//	ann reads: It depends. Tokens are sent ten times a second, however fast they come.
//	ann's page was loaded again after 2 chunks
//	bob came after the end, and reads the same: true
//
// tokens.go has the server, follow.go a reader. The model runs in another invocation, by package
// async, since it may take longer than the 29 seconds of API Gateway. Its tokens are joined into
// one event for each 100 ms: one write to the table and one push to each reader. An event for each
// token would be ten times as many, and a topic takes 100 to 200 a second.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/examples/internal/demo"
	"github.com/gatesock/gatesock/topic"
)

func main() {
	slog.SetLogLoggerLevel(slog.LevelError)
	ctx, end := context.WithCancel(context.Background())
	defer end()
	url, stop := demo.Serve(ctx, func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		queue := async.NewMemoryQueue()
		app, jobs := newApp(api, topic.NewMemory(), queue, script)
		go queue.Run(ctx, jobs)
		return app, nil
	})
	defer stop()

	ann, id := demo.Connect(ctx, url), rand.Text()
	demo.Check(ann.Call(ctx, "ask", Ask{id, "How often are tokens sent?"}, nil))
	var kept Answer
	fmt.Print("ann reads: ")
	page, reload := context.WithCancel(ctx)
	err := follow(page, ann, id, &kept, func(c Chunk) {
		fmt.Print(c.Text)
		if c.N == 1 {
			reload()
		}
	})
	if !errors.Is(err, context.Canceled) {
		demo.Check(err)
	}
	ann.Close()
	ann = demo.Connect(ctx, url)
	demo.Check(follow(ctx, ann, id, &kept, func(c Chunk) { fmt.Print(c.Text) }))
	ann.Close()
	fmt.Println("\nann's page was loaded again after 2 chunks")

	bob, late := demo.Connect(ctx, url), Answer{}
	demo.Check(follow(ctx, bob, id, &late, func(Chunk) {}))
	bob.Close()
	fmt.Println("bob came after the end, and reads the same:", late.Text == kept.Text)
}

// script stands for a model.
func script(ctx context.Context, _ string, tokens chan<- string) error {
	const text = "It depends. Tokens are sent ten times a second, however fast they come."
	for token := range strings.SplitAfterSeq(text, " ") {
		<-time.After(30 * time.Millisecond)
		select {
		case tokens <- token:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
