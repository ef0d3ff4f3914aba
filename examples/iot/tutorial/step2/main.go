// Command step2 is the second step of the tutorial: the history of a device, in which each reading
// is once, also for those who come later.
//
//	$ go run ./iot/tutorial/step2
//	a dashboard comes late, and gets
//	reading 1: 20.5
//	reading 2: 21
//	reading 3: 21.5
//	the last value is 21.5
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

	report := func(r Reading) { check(pump.Call(ctx, "report", Report{"pump-1", r}, nil)) }
	report(Reading{1, 20.5})
	report(Reading{2, 21})
	report(Reading{1, 20.5}) // the device does not know that the first one has arrived

	//nolint:contextcheck // it lasts as long as the client
	history := dashboard.Subscribe("history:acme/pump-1", client.WithLast(100))
	_, err := history.Established(ctx)
	check(err)
	report(Reading{3, 21.5})
	fmt.Fprintln(out, "a dashboard comes late, and gets")
	for e, err := range history.Events(ctx) {
		check(err)
		var r Reading
		check(e.Decode(&r))
		fmt.Fprintf(out, "reading %d: %v\n", r.Seq, r.Value)
		if r.Seq == 3 {
			break
		}
	}
	_, d := next(ctx, dashboard.Values("devices:acme"))
	fmt.Fprintf(out, "the last value is %v\n", d.Value)
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
