package gatesock

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

// Start runs an [App] in Lambda: a [Router], or a mux of package eventmux where the function has other
// events too. It freezes the App first, and does not return. Of any other handler it warns in the log; see
// [Wrap]. Outside Lambda it prints how to run the program and exits with status 2.
func Start(h lambda.Handler) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		fmt.Fprint(os.Stderr, startHelp)
		os.Exit(2)
	}
	freeze(h, slog.Default())
	lambda.Start(h)
}

const startHelp = `gatesock: this program is a Lambda function, and AWS_LAMBDA_RUNTIME_API is not set: it does not run in Lambda.

To run the same handlers on this machine, give the router to the emulator:

	gw, err := emulator.New(router, emulator.Config{})
	...
	server, err := emulator.Serve(ctx, gw, "127.0.0.1:8080")

See the package documentation of github.com/gatesock/gatesock/emulator, and examples/chat/cmd/local.
`
