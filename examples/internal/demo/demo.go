// Package demo has what the programs share that play their own clients: a gateway on a free port of
// this machine, and that an error ends the program.
package demo

import (
	"context"
	"log"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
)

// Serve serves an application on a free port, and returns the address for clients. stop closes
// their connections.
func Serve(
	ctx context.Context, build func(api gatesock.ConnectionsAPI) (lambda.Handler, error),
) (url string, stop func()) {
	server := Must(emulator.Serve(ctx, Must(emulator.NewFunc(build, emulator.Config{})), "127.0.0.1:0"))
	return server.URL, func() { Check(server.Close(context.WithoutCancel(ctx))) }
}

// Connect returns a client that has connected.
func Connect(ctx context.Context, url string) *client.Client { return Must(client.Connect(ctx, url)) }

// Must returns v, unless there is an error.
func Must[T any](v T, err error) T {
	Check(err)
	return v
}

// Check ends the program if there is an error.
func Check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
