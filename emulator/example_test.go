package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/coder/websocket"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

// Run a handler on a local port and call it with a WebSocket client.
func Example() {
	r := gatesock.New()
	gatesock.HandleReply(r, "add", func(_ context.Context, _ *gatesock.Request, in struct{ A, B int }) (int, error) {
		return in.A + in.B, nil
	})
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

	c, _, err := websocket.Dial(ctx, server.URL, nil) //nolint:bodyclose // never needed, by the documentation
	if err != nil {
		panic(err)
	}
	err = c.Write(ctx, websocket.MessageText, []byte(`{"action":"add","id":"1","a":1,"b":2}`))
	if err != nil {
		panic(err)
	}
	_, reply, err := c.Read(ctx)
	fmt.Println(string(reply), err, c.Close(websocket.StatusNormalClosure, ""))
	// Output: {"id":"1","action":"add","data":3} <nil> <nil>
}

// Build the gateway together with a handler that posts to its own clients.
func ExampleNewFunc() {
	gw, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		r := gatesock.New()
		gatesock.Handle(r, "shout", func(ctx context.Context, req *gatesock.Request, in struct{ Text string }) error {
			return api.Post(ctx, gatesock.Target{ConnectionID: req.ConnectionID}, []byte(in.Text+"!"))
		})
		return r, nil
	}, emulator.Config{Stage: "dev"})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer func() { _ = gw.Shutdown(ctx) }()

	var c client
	s, err := gw.Connect(ctx, emulator.Handshake{}, &c)
	if err != nil {
		panic(err)
	}
	if err := s.Receive(ctx, emulator.Message{Data: []byte(`{"action":"shout","text":"hello"}`)}); err != nil {
		panic(err)
	}
	fmt.Println(c.received[0])
	// Output: hello!
}

// client is a client in memory that keeps what it receives.
type client struct{ received []string }

func (c *client) Send(data []byte) error {
	c.received = append(c.received, string(data))
	return nil
}

func (c *client) Close(code int, reason string) {
	c.received = append(c.received, fmt.Sprintf("closed with %d %s", code, reason))
}

// newGateway returns a gateway in front of a function that returns the response for every event.
func newGateway(response map[string]any, cfg emulator.Config) *emulator.Gateway {
	gw, err := emulator.New(lambda.NewHandler(func() (map[string]any, error) { return response, nil }), cfg)
	if err != nil {
		panic(err)
	}
	return gw
}

// Post to a connection, read its info and close it, as with the @connections API.
func ExampleGateway_Post() {
	gw := newGateway(map[string]any{"statusCode": 200}, emulator.Config{})
	ctx := context.Background()
	defer func() { _ = gw.Shutdown(ctx) }()

	var c client
	s, err := gw.Connect(ctx, emulator.Handshake{SourceIP: "192.0.2.7"}, &c)
	if err != nil {
		panic(err)
	}
	to := gatesock.Target{ConnectionID: s.ID()}
	fmt.Println(gw.Post(ctx, to, []byte("hello")))
	info, err := gw.Info(ctx, to)
	fmt.Println(info.Identity.SourceIP, err)
	fmt.Println(gw.Disconnect(ctx, to))
	fmt.Println(errors.Is(gw.Post(ctx, to, []byte("hello?")), gatesock.ErrGone))
	fmt.Printf("%q\n", c.received)
	// Output:
	// <nil>
	// 192.0.2.7 <nil>
	// <nil>
	// true
	// ["hello" "closed with 1000 Connection Closed Normally"]
}

// Only a route with a route response sends what its handler returns.
func ExampleConfig_routeResponse() {
	gw := newGateway(map[string]any{"statusCode": 200, "body": "hello"}, emulator.Config{
		Routes: []gatesock.Route{{Key: "ask", NeedsResponse: true}, {Key: "tell"}},
	})
	ctx := context.Background()
	defer func() { _ = gw.Shutdown(ctx) }()

	for _, message := range []string{`{"action":"ask"}`, `{"action":"tell"}`} {
		var c client
		s, err := gw.Connect(ctx, emulator.Handshake{}, &c)
		if err != nil {
			panic(err)
		}
		if err := s.Receive(ctx, emulator.Message{Data: []byte(message)}); err != nil {
			panic(err)
		}
		fmt.Println(message, c.received)
	}
	// Output:
	// {"action":"ask"} [hello]
	// {"action":"tell"} []
}

// Refuse clients with an authorizer, which runs before $connect.
func ExampleAuthorizer() {
	type event struct{ Headers map[string]string }
	authorize := func(e event) (map[string]any, error) {
		if e.Headers["Authorization"] != "Bearer secret" {
			return nil, errors.New("Unauthorized") // the text that means 401
		}
		return map[string]any{
			"principalId": "ann",
			"policyDocument": map[string]any{
				"Version":   "2012-10-17",
				"Statement": map[string]any{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"},
			},
		}, nil
	}
	gw := newGateway(map[string]any{"statusCode": 200}, emulator.Config{
		Authorizer: &emulator.Authorizer{Handler: lambda.NewHandler(authorize)},
	})
	ctx := context.Background()
	defer func() { _ = gw.Shutdown(ctx) }()

	for _, token := range []string{"Bearer wrong", "Bearer secret"} {
		h := emulator.Handshake{Header: http.Header{"Authorization": {token}}}
		_, err := gw.Connect(ctx, h, &client{})
		fmt.Println(token, "-", err)
	}
	// Output:
	// Bearer wrong - emulator: connection refused with status 401: Unauthorized
	// Bearer secret - <nil>
}

// Refuse a client in the handler of $connect.
func ExampleGateway_Connect_refused() {
	r := gatesock.New()
	r.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "members only")
	})
	gw, err := emulator.New(r, emulator.Config{})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer func() { _ = gw.Shutdown(ctx) }()

	_, err = gw.Connect(ctx, emulator.Handshake{}, &client{})
	var refused *emulator.HandshakeError
	fmt.Println(errors.As(err, &refused), refused.StatusCode)
	// Output: true 403
}

// Let the idle timeout of ten minutes pass at once.
func ExampleManualClock() {
	clock := emulator.NewManualClock(time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC))
	gw := newGateway(map[string]any{"statusCode": 200}, emulator.Config{Clock: clock})
	ctx := context.Background()
	defer func() { _ = gw.Shutdown(ctx) }()

	var c client
	s, err := gw.Connect(ctx, emulator.Handshake{}, &c)
	if err != nil {
		panic(err)
	}
	clock.Advance(9 * time.Minute)
	fmt.Println(gw.Post(ctx, gatesock.Target{ConnectionID: s.ID()}, []byte("hello")))
	clock.Advance(10 * time.Minute)
	fmt.Printf("%q\n", c.received)
	// Output:
	// <nil>
	// ["hello" "closed with 1001 Going away"]
}

// Use a server of your own, with a listener that keeps the spelling of header names.
func ExampleNewListener() {
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
	go func() { served <- server.Serve(emulator.NewListener(l)) }() // clients connect to ws://{l.Addr()}/dev
	fmt.Println(gw.Shutdown(context.Background()), server.Close(), <-served)
	// Output: <nil> <nil> http: Server closed
}

// A gateway whose faults are the same in each run with this seed.
func ExampleNewFaults() {
	faults := emulator.NewFaults(42,
		emulator.Gone().Chance(0.2),
		emulator.FailDelivered(gatesock.ErrGone).Chance(0.1),
	)
	faults.OnFault(func(e emulator.FaultEvent) {
		fmt.Printf("connection %d: %v\n", e.Connection, e.Fault)
	})
	gateway, err := emulator.New(gatesock.New(), emulator.Config{Faults: faults})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	alice, err := gateway.Connect(ctx, emulator.Handshake{}, &client{})
	if err != nil {
		panic(err)
	}
	for range 8 {
		_ = gateway.Post(ctx, gatesock.Target{ConnectionID: alice.ID()}, []byte("hello"))
	}
	if err := gateway.Shutdown(ctx); err != nil {
		panic(err)
	}
	// Output:
	// connection 1: failed although delivered (gatesock: connection is gone), chance 0.1
	// connection 1: failed although delivered (gatesock: connection is gone), chance 0.1
	// connection 1: failed call (gatesock: connection is gone), chance 0.2
	// connection 1: failed although delivered (gatesock: connection is gone), chance 0.1
}

// Faults from a file, a command line or the form of a page.
func ExampleFaultSpec() {
	gw := newGateway(map[string]any{"statusCode": 200}, emulator.Config{})
	ctx := context.Background()
	defer func() { _ = gw.Shutdown(ctx) }()
	var c client
	s, err := gw.Connect(ctx, emulator.Handshake{}, &c)
	if err != nil {
		panic(err)
	}

	add := func(text string) error {
		var spec emulator.FaultSpec
		if err := json.Unmarshal([]byte(text), &spec); err != nil {
			return err
		}
		spec, err := gw.ResolveFault(spec) // "#1" is the first connection
		if err != nil {
			return err
		}
		faults, err := spec.Faults()
		gw.Faults().Add(faults...)
		return err
	}
	fmt.Println(add(`{"fault":"fail-delivered","status":410,"connections":["#1"],"times":1}`))
	fmt.Println(strings.ReplaceAll(gw.Faults().String(), s.ID(), "ID"))
	err = gw.Post(ctx, gatesock.Target{ConnectionID: s.ID()}, []byte("hello"))
	fmt.Println(errors.Is(err, gatesock.ErrGone), c.received)
	fmt.Println(add(`{"fault":"slow","delay":2}`))
	fmt.Println(add(`{"fault":"gone","connections":["#2"]}`))
	// Output:
	// <nil>
	// [failed although delivered (gatesock: connection is gone), for ID, times 1]
	// true [hello]
	// emulator: fault: delay: 2: want a duration as a text, such as "1.5s" or "10m"
	// emulator: fault: connections: #2 is not open
}

// What a page can do to clients: put the clock forward, send in their place, close connections.
func ExampleRunningClock() {
	clock := emulator.NewRunningClock()
	routes := []gatesock.Route{{Key: "say", NeedsResponse: true}}
	gw := newGateway(map[string]any{"statusCode": 200, "body": "hello"}, emulator.Config{Clock: clock, Routes: routes})
	ctx := context.Background()
	defer func() { _ = gw.Shutdown(ctx) }()
	clients := make([]client, 2)
	for i := range clients {
		if _, err := gw.Connect(ctx, emulator.Handshake{}, &clients[i]); err != nil {
			panic(err)
		}
		clock.Advance(9 * time.Minute)
	}
	fmt.Println(clock.Offset())
	for _, s := range gw.Sessions() {
		fmt.Println("open:", s.Number())
		if err := s.Receive(ctx, emulator.Message{Data: []byte(`{"action":"say"}`)}); err != nil {
			panic(err)
		}
		if err := s.Disconnect(ctx, emulator.CloseStatus{Code: 4001, Reason: "kicked"}); err != nil {
			panic(err)
		}
	}
	fmt.Printf("%q\n%q\n", clients[0].received, clients[1].received)
	// Output:
	// 18m0s
	// open: 2
	// ["closed with 1001 Going away"]
	// ["hello" "closed with 4001 kicked"]
}
