// Command step3 is the third step of the tutorial: keys say who somebody is, and what they may do.
//
//	$ go run ./iot/tutorial/step3
//	ann of acme sees pump-1 at 20.5
//	eve of globex gets: there is no such topic, or it is not yours
//	ann sends a reading: the scope device is missing
package main

import (
	"context"
	"errors"
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

// demo has a device and two people, who connect with keys.
func demo(ctx context.Context, out io.Writer, a *app, connect func(key string) *client.Client) {
	with := func(tenant, device, owner, scope string) *client.Client {
		key, err := a.newKey(ctx, tenant, device, owner, scope)
		check(err)
		return connect(key)
	}
	pump := with("acme", "pump-1", "acme/pump-1", "device")
	defer pump.Close()
	ann, eve := with("acme", "", "ann", "view"), with("globex", "", "eve", "view")
	defer ann.Close()
	defer eve.Close()

	check(pump.Call(ctx, "report", Reading{1, 20.5}, nil))
	name, d := next(ctx, ann.Values("devices:acme"))
	fmt.Fprintf(out, "ann of acme sees %s at %v\n", name, d.Value)
	fmt.Fprintln(out, "eve of globex gets:", message(eve.Values("devices:acme").Ready(ctx)))
	fmt.Fprintln(out, "ann sends a reading:", message(ann.Call(ctx, "report", Reading{2, 99}, nil)))
}

// message returns what the server says is wrong.
func message(err error) string {
	var refused *gatesock.Error
	if !errors.As(err, &refused) {
		log.Fatalf("not refused: %v", err)
	}
	return refused.Message
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
