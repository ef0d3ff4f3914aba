// Command step1 is the first step of the tutorial: a device reports, and a dashboard shows its last
// value.
//
//	$ go run ./iot/tutorial/step1
//	a dashboard begins with pump-1 at 20.5
//	it sees pump-1 at 21
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
)

func main() {
	ctx := context.Background()
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		return newApp(api).handler(), nil
	}, emulator.Config{})
	check(err)
	server, err := emulator.Serve(ctx, gateway, "127.0.0.1:0")
	check(err)
	defer server.Close(ctx)
	demo(ctx, os.Stdout, func() *client.Client {
		c, err := client.Connect(ctx, server.URL)
		check(err)
		return c
	})
}

// demo has a device and a dashboard, which connect with connect.
func demo(ctx context.Context, out io.Writer, connect func() *client.Client) {
	pump, dashboard := connect(), connect()
	defer pump.Close()
	defer dashboard.Close()

	check(pump.Call(ctx, "report", Report{"pump-1", Reading{1, 20.5}}, nil))
	devices := dashboard.Values("devices:acme")
	name, d := next(ctx, devices)
	fmt.Fprintf(out, "a dashboard begins with %s at %v\n", name, d.Value)

	check(pump.Call(ctx, "report", Report{"pump-1", Reading{2, 21}}, nil))
	name, d = next(ctx, devices)
	fmt.Fprintf(out, "it sees %s at %v\n", name, d.Value)
}

// next returns the next value that a dashboard gets.
func next(ctx context.Context, devices *client.Values) (name string, d Device) {
	for v, err := range devices.Changes(ctx) {
		check(err)
		check(v.Decode(&d))
		return v.Key, d
	}
	return "", d
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
