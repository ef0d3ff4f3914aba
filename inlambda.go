package gatesock

import (
	"os"

	"github.com/gatesock/gatesock/internal/describing"
)

// InLambda reports whether the program runs in Lambda, or was started to describe what runs there
// (GATESOCK_DESCRIBE=1). With it, one program is both the function and the server on your machine:
//
//	func main() {
//		if gatesock.InLambda() {
//			gatesock.Start(newFunction()) // never returns
//		}
//		err := emulator.ListenAndServe(ctx, "localhost:3001", newLocal(), emulator.Config{})
//		...
//	}
func InLambda() bool { return os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" || describing.On() }
