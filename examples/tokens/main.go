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
	"log"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/topic"
)

func main() {
	slog.SetLogLoggerLevel(slog.LevelError)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		queue := async.NewMemoryQueue()
		app, jobs := newApp(api, topic.NewMemory(), queue, script)
		running.Go(func() { queue.Run(ctx, jobs) })
		return app, nil
	}, emulator.Config{})
	check(err)
	server, err := emulator.Serve(ctx, gateway, "127.0.0.1:0")
	check(err)
	defer server.Close(ctx)

	ann, id := connect(ctx, server.URL), rand.Text()
	check(ann.Call(ctx, "ask", Ask{id, "How often are tokens sent?"}, nil))
	var kept Answer
	fmt.Print("ann reads: ")
	page, reload := context.WithCancel(ctx)
	err = follow(page, ann, id, &kept, func(c Chunk) {
		fmt.Print(c.Text)
		if c.N == 1 {
			reload()
		}
	})
	if !errors.Is(err, context.Canceled) {
		check(err)
	}
	ann.Close()
	ann = connect(ctx, server.URL)
	check(follow(ctx, ann, id, &kept, func(c Chunk) { fmt.Print(c.Text) }))
	ann.Close()
	fmt.Println("\nann's page was loaded again after 2 chunks")

	bob, late := connect(ctx, server.URL), Answer{}
	check(follow(ctx, bob, id, &late, func(Chunk) {}))
	bob.Close()
	fmt.Println("bob came after the end, and reads the same:", late.Text == kept.Text)
}

func connect(ctx context.Context, address string) *client.Client {
	c, err := client.Connect(ctx, address)
	check(err)
	return c
}

// script stands for a model.
func script(ctx context.Context, _ string, tokens chan<- string) error {
	const text = "It depends. Tokens are sent ten times a second, however fast they come."
	for token := range strings.SplitAfterSeq(text, " ") {
		select {
		case tokens <- token:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-time.After(30 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
