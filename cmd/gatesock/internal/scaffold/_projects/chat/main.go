// Command {{name}} is a chat: a Lambda function behind an API Gateway WebSocket API. On your
// machine it runs behind an emulated one.
package main

import (
	"cmp"
	"context"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/observe"
	"github.com/gatesock/gatesock/ratelimit"
)

func main() {
	slog.SetDefault(slog.New(observe.NewLogHandler(os.Stderr, nil)))
	if gatesock.InLambda() {
		gatesock.Start(observe.New().Handler(newFunction())) // never returns
	}
	addr := cmp.Or(os.Getenv("ADDR"), "localhost:3001")
	log.Printf("open http://%s/ in two windows", addr)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := emulator.ListenAndServeFunc(ctx, addr, newLocal, emulator.Config{Pages: page()})
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

// newLocal returns the chat with its state in memory, for your machine and for tests.
func newLocal(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
	c := &chat{api: api, buckets: ratelimit.NewMemory()}
	c.store = conn.NewMemory(conn.WithEnded(c.ended))
	return eventmux.New(eventmux.WebSocket(c.router()), eventmux.Authorizer(signIn())), nil
}
