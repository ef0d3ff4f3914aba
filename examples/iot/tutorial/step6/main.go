// Command step6 is the last step of the tutorial: readings come by WebSocket, HTTP and MQTT, and
// one function takes them all.
//
//	$ go run ./iot/tutorial/step6
//	by WebSocket: 20.5
//	by HTTP: 21
//	by MQTT: 21.5
//	the wrong key: 401
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/eventmux"
)

func main() {
	ctx := context.Background()
	var a *app
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		a = newApp(api)
		return a.handler(), nil
	}, emulator.Config{Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.http().ServeHTTP(w, r) })})
	check(err)
	server, err := emulator.Serve(ctx, gateway, "127.0.0.1:0")
	check(err)
	defer server.Close(ctx)
	demo(ctx, os.Stdout, a, func(key string) *client.Client {
		c, err := client.Connect(ctx, server.URL, withKey(key))
		check(err)
		return c
	}, func(r *http.Request) int {
		r.URL.Scheme, r.URL.Host = "http", strings.Split(server.URL, "/")[2]
		answer, err := http.DefaultClient.Do(r)
		check(err)
		check(answer.Body.Close())
		return answer.StatusCode
	})
}

// demo has a device that changes its mind about how it speaks, and a person. Both have keys.
func demo(
	ctx context.Context, out io.Writer, a *app, connect func(key string) *client.Client, do func(*http.Request) int,
) {
	deviceKey, err := a.newKey(ctx, "acme", "pump-1", "acme/pump-1", "device")
	check(err)
	annsKey, err := a.newKey(ctx, "acme", "", "ann", "view")
	check(err)
	pump, ann := connect(deviceKey), connect(annsKey)
	defer pump.Close()
	defer ann.Close()
	devices := ann.Values("devices:acme")
	show := func(way string, seq int64) {
		d := waitFor(ctx, devices, func(d Device) bool { return d.Seq == seq })
		fmt.Fprintf(out, "by %s: %v\n", way, d.Value)
	}

	check(pump.Call(ctx, "report", Reading{1, 20.5}, nil))
	show("WebSocket", 1)

	post := func(key, body string) int {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/readings", strings.NewReader(body))
		check(err)
		r.Header.Set("X-Api-Key", key)
		return do(r)
	}
	post(deviceKey, `{"seq":2,"value":21}`)
	show("HTTP", 2)

	message := eventmux.IoTMessage{
		Rule: "readings", Topic: "acme/pump-1/readings", Payload: []byte(`{"seq":3,"value":21.5}`),
	}
	_, err = a.handler().Invoke(ctx, message.Event()) // as the rule does, which AWS IoT has
	check(err)
	show("MQTT", 3)

	fmt.Fprintln(out, "the wrong key:", post(annsKey, `{"seq":4,"value":99}`))
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
