package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/topic"
)

type add struct{ A, B int }

type sum struct{ Sum int }

type said struct{ Name, Text string }

// serve runs an API with the actions add and say on this machine, and returns its address.
func serve(ctx context.Context) (address string, topics *topic.Topics, stop func()) {
	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		ended, memory := topic.NewEnded(), topic.NewMemory()
		store := conn.NewMemory(conn.WithEnded(ended.Func()))
		topics = topic.New(memory, store, broadcast.New(api, store),
			topic.WithPresence(memory, func(name string) (topic.Presence, bool) { return topic.Presence{}, name == "room:1" }, ended),
			topic.WithState(memory, func(name string) (topic.State, bool) { return topic.State{}, name == "prices" }))
		r := gatesock.New()
		r.Use(conn.Track(store))
		topics.Register(r, topic.AllowAnyone)
		gatesock.HandleReply(r, "add", func(_ context.Context, _ *gatesock.Request, in add) (sum, error) {
			return sum{in.A + in.B}, nil
		})
		gatesock.Handle(r, "say", func(ctx context.Context, _ *gatesock.Request, in said) error {
			if in.Text == "" {
				return gatesock.Errorf(gatesock.CodeInvalidArgument, "there is nothing to say")
			}
			_, _, err := topics.Publish(ctx, "room:1", "said", in)
			return err
		})
		return r, nil
	}, emulator.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	server, err := emulator.Serve(ctx, gateway, "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return server.URL, topics, func() { _ = server.Close(ctx) }
}

// Call an action of a service.
func Example() {
	ctx := context.Background()
	address, _, stop := serve(ctx)
	defer stop()

	c, err := client.Connect(ctx, address)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	result, err := client.Call[sum](ctx, c, "add", add{A: 1, B: 2})
	fmt.Println(result.Sum, err)
	// Output: 3 <nil>
}

// Follow a topic, from an event of the past on.
func ExampleClient_Subscribe() {
	ctx := context.Background()
	address, topics, stop := serve(ctx)
	defer stop()
	for _, text := range []string{"hello", "is anybody here?", "well then"} {
		_, _, _ = topics.Publish(ctx, "room:1", "said", said{"bob", text})
	}

	c, err := client.Connect(ctx, address)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	room := c.Subscribe("room:1", client.WithLast(2))
	defer room.Close()
	for e, err := range room.Events(ctx) {
		var s said
		var lost *client.LostError
		switch {
		case errors.As(err, &lost):
			fmt.Println("events are missing:", lost.Reason)
			continue
		case err != nil:
			fmt.Println(err)
			return
		case e.Decode(&s) != nil:
			continue // another version of the event
		}
		fmt.Println(e.Position.Offset, s.Name, s.Text)
		if s.Text == "well then" {
			break
		}
	}
	// Output:
	// 2 bob is anybody here?
	// 3 bob well then
}

// Tell the errors of the server from those that leave open what has happened.
func ExampleClient_Call_errors() {
	ctx := context.Background()
	address, _, stop := serve(ctx)
	defer stop()
	c, err := client.Connect(ctx, address)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	err = c.Call(ctx, "say", said{Name: "ann"}, nil)
	var refused *gatesock.Error
	switch {
	case err == nil:
		fmt.Println("said")
	case errors.As(err, &refused):
		fmt.Println(refused.Code, "-", refused.Message)
	case errors.Is(err, client.ErrUnknownOutcome):
		fmt.Println("perhaps it was said")
	default:
		fmt.Println("it was not said")
	}
	// Output: invalid_argument - there is nothing to say
}

// Send a token in the header Authorization, where servers expect that of a service.
func ExampleWithRequest() {
	ctx := context.Background()
	address, _, stop := serve(ctx)
	defer stop()

	c, err := client.Connect(ctx, address, client.WithRequest(func(r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+"a token that is fetched here")
		return nil
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.State().Status)
	_ = c.Close()
	fmt.Println(c.State().Status)
	// Output:
	// online
	// closed
}

// Connect in the background, and wait where a connection is needed.
func ExampleNew() {
	ctx := context.Background()
	address, _, stop := serve(ctx)
	defer stop()

	c, err := client.New(address)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(c.Wait(ctx), c.State().Status)
	// Output: <nil> online
}
