// Command {{name}} connects devices and dashboards: a Lambda function behind an API Gateway
// WebSocket API. On your machine it runs behind an emulated one.
package main

import (
	"cmp"
	"context"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/observe"
)

func main() {
	slog.SetDefault(slog.New(observe.NewLogHandler(os.Stderr, nil)))
	if gatesock.InLambda() {
		gatesock.Start(observe.New().Handler(newFunction())) // never returns
	}
	addr := cmp.Or(os.Getenv("ADDR"), "localhost:3001")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := emulator.ListenAndServeFunc(ctx, addr, newLocal, emulator.Config{})
	stop()
	if err != nil {
		log.Fatal(err)
	}
}
