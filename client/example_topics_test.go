package client_test

import (
	"context"
	"fmt"

	"github.com/gatesock/gatesock/client"
)

// Say something once, also if the connection is lost in the middle, and in the order of the calls.
func ExampleClient_Call() {
	ctx := context.Background()
	address, _, stop := serve(ctx)
	defer stop()
	c, err := client.Connect(ctx, address)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	err = c.Call(ctx, "say", said{"ann", "hello"}, nil,
		client.WithRandomKey(), client.WithLane("room:1"))
	fmt.Println(err)
	// Output: <nil>
}

// Read what was there before, page by page.
func ExampleSubscription_History() {
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

	room := c.Subscribe("room:1")
	defer room.Close()
	page, err := room.History(ctx, client.Position{}, 2) // the newest ones
	for err == nil {
		for _, e := range page.Events {
			fmt.Println(e.Position.Offset, string(e.Data))
		}
		if !page.More {
			break
		}
		page, err = room.History(ctx, page.Position, 2) // the ones before
	}
	// Output:
	// 2 {"Name":"bob","Text":"is anybody here?"}
	// 3 {"Name":"bob","Text":"well then"}
	// 1 {"Name":"bob","Text":"hello"}
}

// Show who is in a room.
func ExampleClient_Presence() {
	ctx := context.Background()
	address, _, stop := serve(ctx)
	defer stop()
	c, err := client.Connect(ctx, address)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	who := c.Presence("room:1", client.WithAs(map[string]string{"name": "ann"}))
	defer who.Close()
	for members, err := range who.Changes(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(members.Count, "there, one as", string(members.List[0].As))
		break
	}
	// Output: 1 there, one as {"name":"ann"}
}

// Follow the last value of each key.
func ExampleClient_Values() {
	ctx := context.Background()
	address, topics, stop := serve(ctx)
	defer stop()
	_, _, _ = topics.Set(ctx, "prices", "ACME", 12.5)
	c, err := client.Connect(ctx, address)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	prices := c.Values("prices")
	defer prices.Close()
	for v, err := range prices.Changes(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(v.Key, string(v.Data), v.Gone)
		break
	}
	// Output: ACME 12.5 false
}
