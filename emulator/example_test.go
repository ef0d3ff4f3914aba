package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/coder/websocket"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

type sum struct{ A, B int }

func add(_ context.Context, _ *gatesock.Request, in sum) (int, error) { return in.A + in.B, nil }

// A gateway on a local port, in front of a router, and a client that connects to it.
func Example() {
	r := gatesock.New()
	gatesock.HandleReply(r, "add", add)

	gw, err := emulator.New(r, emulator.Config{Stage: "dev"})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	server, err := emulator.Serve(ctx, gw, "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer server.Close(ctx)

	//nolint:bodyclose // the package says that it never needs to be closed
	c, _, err := websocket.Dial(ctx, server.URL, nil)
	if err != nil {
		panic(err)
	}
	if err := c.Write(ctx, websocket.MessageText, []byte(`{"action":"add","id":"1","a":1,"b":2}`)); err != nil {
		panic(err)
	}
	_, reply, err := c.Read(ctx)
	fmt.Println(string(reply), err, c.Close(websocket.StatusNormalClosure, ""))
	// Output: {"id":"1","action":"add","data":3} <nil> <nil>
}

// A Gateway is an http.Handler: put it behind any server, with a listener that keeps the spelling of headers.
func ExampleGateway_ServeHTTP() {
	gw, err := emulator.New(gatesock.New(), emulator.Config{Stage: "dev"})
	if err != nil {
		panic(err)
	}
	server := http.Server{Handler: gw, ReadHeaderTimeout: time.Second, IdleTimeout: time.Minute}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "localhost:0")
	if err != nil {
		panic(err)
	}
	served := make(chan error)
	go func() { served <- server.Serve(emulator.NewListener(l)) }() // ws://{l.Addr()}/dev, until:
	fmt.Println(gw.Shutdown(context.Background()), server.Close(), <-served)
	// Output: <nil> <nil> http: Server closed
}

// client is a client in memory that keeps what it got.
type client struct{ got []string }

func (c *client) Send(data []byte) error {
	c.got = append(c.got, string(data))
	return nil
}

func (c *client) Close(code int, reason string) {
	c.got = append(c.got, fmt.Sprintf("closed with %d %s", code, reason))
}

// Without sockets and with a clock of its own: ten minutes without traffic take no time.
func ExampleManualClock() {
	clock := emulator.NewManualClock(time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC))
	handler := lambda.NewHandler(func() (map[string]int, error) { return map[string]int{"statusCode": 200}, nil })
	gw, err := emulator.New(handler, emulator.Config{Clock: clock})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	var c client
	s, err := gw.Connect(ctx, emulator.Handshake{}, &c)
	if err != nil {
		panic(err)
	}
	if err := gw.Post(ctx, gatesock.Target{ConnectionID: s.ID()}, []byte("hello")); err != nil {
		panic(err)
	}
	clock.Advance(10 * time.Minute)
	err = gw.Post(ctx, gatesock.Target{ConnectionID: s.ID()}, []byte("hello?"))
	fmt.Printf("%q, then gone: %v\n", c.got, errors.Is(err, gatesock.ErrGone))
	if err := gw.Shutdown(ctx); err != nil {
		panic(err)
	}
	// Output: ["hello" "closed with 1001 Going away"], then gone: true
}

// What a client sees of a $connect that does not succeed.
func ExampleGateway_Connect_refused() {
	r := gatesock.New()
	r.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "members only")
	})
	gw, err := emulator.New(r, emulator.Config{})
	if err != nil {
		panic(err)
	}
	_, err = gw.Connect(context.Background(), emulator.Handshake{}, &client{})
	fmt.Println(err, gw.Shutdown(context.Background()))
	// Output: emulator: connection refused with status 403 <nil>
}
