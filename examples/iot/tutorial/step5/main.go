// Command step5 is the fifth step of the tutorial: who is online, and commands that are answered.
//
//	$ go run ./iot/tutorial/step5
//	pump-1 is online: true
//	restart is sent
//	pump-1 does restart
//	restart is done: 3 s
//	pump-1 is online: false
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"sync"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
)

func main() {
	ctx := context.Background()
	var a *app
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		a = newApp(api)
		return a.handler(), nil
	}, emulator.Config{})
	check(err)
	server, err := emulator.Serve(ctx, gateway, "127.0.0.1:0")
	check(err)
	defer server.Close(ctx)
	demo(ctx, os.Stdout, a, func(key string) *client.Client {
		c, err := client.Connect(ctx, server.URL, withKey(key))
		check(err)
		return c
	})
}

// demo has a device and a person, who connect with keys.
func demo(ctx context.Context, out io.Writer, a *app, connect func(key string) *client.Client) {
	deviceKey, err := a.newKey(ctx, "acme", "pump-1", "acme/pump-1", "device")
	check(err)
	annsKey, err := a.newKey(ctx, "acme", "", "ann", "view", "operate")
	check(err)
	pump, ann := connect(deviceKey), connect(annsKey)
	defer ann.Close()

	// Also what was sent meanwhile.
	inbox := pump.Subscribe("inbox:acme/pump-1", client.WithLast(10)) //nolint:contextcheck // it lasts as long as the client
	_, err = inbox.Established(ctx)
	check(err)
	devices, commands := ann.Values("devices:acme"), ann.Values("commands:acme")
	waitFor(ctx, devices, func(d Device) bool { return d.Online })
	fmt.Fprintln(out, "pump-1 is online: true")

	sent, err := client.Call[Command](ctx, ann, "command", Instruction{"pump-1", "restart"})
	check(err)
	fmt.Fprintln(out, sent.Name, "is", sent.State)
	var device sync.WaitGroup
	device.Go(func() { obey(ctx, out, pump, inbox) })
	c := waitFor(ctx, commands, func(c Command) bool { return c.State == "done" })
	device.Wait()
	fmt.Fprintf(out, "%s is %s: %s\n", c.Name, c.State, c.Result)

	pump.Close()
	waitFor(ctx, devices, func(d Device) bool { return !d.Online })
	fmt.Fprintln(out, "pump-1 is online: false")
}

// obey does the first order of a device's inbox.
func obey(ctx context.Context, out io.Writer, device *client.Client, inbox *client.Subscription) {
	for e, err := range inbox.Events(ctx) {
		check(err)
		var o Order
		check(e.Decode(&o))
		fmt.Fprintln(out, "pump-1 does", o.Name)
		check(device.Call(ctx, "result", Result{o.ID, "3 s"}, nil, client.Idempotent()))
		return
	}
}

// waitFor returns the first value of which something holds.
func waitFor[T any](ctx context.Context, values *client.Values, holds func(T) bool) (value T) {
	for v, err := range values.Changes(ctx) {
		check(err)
		var next T
		if check(v.Decode(&next)); holds(next) {
			return next
		}
	}
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
