// Command step4 is the fourth step of the tutorial: a dashboard gets only what it asks for.
//
//	$ go run ./iot/tutorial/step4
//	above 30: 31 33 34 gone
//	changes of the status: 20 31 29
//	once a second: 20 33 27 26
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"time"

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

// demo has a device and somebody with three dashboards, who connect with keys.
func demo(ctx context.Context, out io.Writer, a *app, connect func(key string) *client.Client) {
	// Filters.
	var (
		above30 = map[string]any{"where": map[string]any{"value": map[string]any{"above": 30}}}
		changes = map[string]any{"changes": []string{"status"}}
		seldom  = map[string]any{"everyMs": 1000}
	)
	deviceKey, err := a.newKey(ctx, "acme", "pump-1", "acme/pump-1", "device")
	check(err)
	annsKey, err := a.newKey(ctx, "acme", "", "ann", "view")
	check(err)
	pump := connect(deviceKey)
	defer pump.Close()

	var lines [3]string
	var watching sync.WaitGroup
	for i, filter := range []any{above30, changes, seldom} {
		dashboard := connect(annsKey)
		defer dashboard.Close()
		devices := dashboard.Values("devices:acme", client.WithFilter(filter))
		check(devices.Ready(ctx))
		last := []string{"gone", "29", "26"}[i]
		watching.Go(func() { lines[i] = watch(ctx, devices, last) })
	}
	for i, value := range []float64{20, 22, 31, 33, 34, 29, 27, 26} {
		<-time.After(300 * time.Millisecond)
		check(pump.Send("report", Reading{int64(i + 1), value}))
	}
	watching.Wait()
	fmt.Fprintf(out, "above 30: %s\nchanges of the status: %s\nonce a second: %s\n", lines[0], lines[1], lines[2])
}

// watch returns all that a dashboard shows, until it shows the last one.
func watch(ctx context.Context, devices *client.Values, last string) string {
	var seen []string
	for v, err := range devices.Changes(ctx) {
		check(err)
		text := "gone"
		if !v.Gone {
			var d Device
			check(v.Decode(&d))
			text = fmt.Sprint(d.Value)
		}
		if seen = append(seen, text); text == last {
			break
		}
	}
	return strings.Join(seen, " ")
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
