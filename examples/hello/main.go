// Command hello greets its clients, in Lambda and on your machine.
package main

import (
	"context"
	"log"
	"os"

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
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" { // in Lambda
		gatesock.Start(newRouter())
	}
	gateway, err := emulator.New(newRouter(), emulator.Config{Stage: "dev"}) // on your machine
	if err != nil {
		log.Fatal(err)
	}
	server, err := emulator.Serve(context.Background(), gateway, "localhost:3001")
	if err != nil {
		log.Fatal(err)
	}
	log.Print("listening on ", server.URL)
	select {}
}
