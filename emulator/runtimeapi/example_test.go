package runtimeapi_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

// ExampleNew runs a program behind a gateway. The program here is this test itself, which calls
// lambda.Start; usually it is the bootstrap that a Lambda function has.
func ExampleNew() {
	binary, err := os.Executable()
	if err != nil {
		panic(err)
	}
	function, err := runtimeapi.New(runtimeapi.Config{
		Command: []string{binary},
		Env:     []string{"RUNTIMEAPI_TEST_PROGRAM=adder"},
	})
	if err != nil {
		panic(err)
	}
	gateway, err := emulator.New(function, emulator.Config{
		Routes: []gatesock.Route{{Key: "add", NeedsResponse: true}},
		// The function's own timeout counts, and its start does not count for that.
		FunctionTimeout:   time.Hour,
		IgnoreDescription: true, // of a Go handler
	})
	if err != nil {
		panic(err)
	}

	ctx := context.Background()
	client := make(client, 1)
	session, err := gateway.Connect(ctx, emulator.Handshake{}, client)
	if err != nil {
		panic(err)
	}
	err = session.Receive(ctx, emulator.Message{Data: []byte(`{"action":"add","id":"1","a":1,"b":2}`)})
	fmt.Println(<-client, err)

	fmt.Println(gateway.Shutdown(ctx), function.Close(ctx))
	// Output:
	// {"id":"1","action":"add","data":3} <nil>
	// <nil> <nil>
}

// client is a client of a gateway.
type client chan string

func (c client) Send(data []byte) error {
	c <- string(data)
	return nil
}

func (client) Close(int, string) {}

// ExampleFunction_Warm finds out at once whether a program starts.
func ExampleFunction_Warm() {
	function, err := runtimeapi.New(runtimeapi.Config{Command: []string{"/opt/no/such/bootstrap"}})
	if err != nil {
		panic(err)
	}
	var failed *runtimeapi.Error
	if errors.As(function.Warm(context.Background()), &failed) {
		fmt.Println(failed.Type)
		fmt.Println(failed.Message)
	}
	fmt.Println(function.Close(context.Background()))
	// Output:
	// Runtime.InvalidEntrypoint
	// fork/exec /opt/no/such/bootstrap: no such file or directory
	// <nil>
}
