// Command hello greets its clients, in Lambda and on your machine.
package main

import (
	"context"
	"log"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

type Greet struct {
	Name string `json:"name"`
}

func newRouter() *gatesock.Router {
	r := gatesock.New()
	gatesock.HandleReply(r, "greet", func(_ context.Context, _ *gatesock.Request, in Greet) (string, error) {
		return "Hello, " + in.Name, nil
	})
	return r
}

func main() {
	if gatesock.InLambda() {
		gatesock.Start(newRouter()) // never returns
	}
	// On your machine.
	err := emulator.ListenAndServe(context.Background(), "localhost:3001", newRouter(), emulator.Config{Stage: "dev"})
	log.Fatal(err)
}
