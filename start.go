package gatesock

import (
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

// Start runs a [Router] or an [EventMux] in Lambda. It does not return. Outside Lambda it prints how to run the
// program and exits with status 2.
func Start(h lambda.Handler) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		fmt.Fprint(os.Stderr, startHelp)
		os.Exit(2)
	}
	if f, ok := h.(interface{ Freeze() }); ok {
		f.Freeze()
	}
	lambda.Start(h)
}

const startHelp = `gatesock: this program is a Lambda function, and AWS_LAMBDA_RUNTIME_API is not set: it does not run in Lambda.

To run the same handlers on this machine, give the router to the emulator:

	gw, err := emulator.New(router, emulator.Config{})
	...
	server, err := emulator.Serve(ctx, gw, "127.0.0.1:8080")

See the package documentation of github.com/gatesock/gatesock/emulator, and examples/chat/cmd/local.
`
