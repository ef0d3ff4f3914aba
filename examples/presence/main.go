// Command presence shows who is in a room, to everybody in it. A user with two tabs is there once,
// until the last one is closed; and a tab that is closed without a word leaves too.
//
//	$ go run ./presence
//	ann sees ann
//	ann sees ann, bob
//	bob sees ann, bob
//	the server counts 2
//	ann sees ann
//
// presence.go has the application. Members are told at most once a second who has come and gone, so
// that a thousand that come at once are not a million messages. docs/topics.md has the rules.
package main

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
)

func main() {
	ctx := context.Background()
	gateway, err := emulator.NewFunc(newApp, emulator.Config{})
	check(err)
	server, err := emulator.Serve(ctx, gateway, "127.0.0.1:0")
	check(err)
	defer server.Close(ctx)

	ann, err := client.Connect(ctx, server.URL+"?user=ann")
	check(err)
	defer ann.Close()
	seen := ann.Presence("room:1")
	wait(ctx, "ann", seen, 1)

	bob, err := client.Connect(ctx, server.URL+"?user=bob")
	check(err)
	theirs := bob.Presence("room:1")
	wait(ctx, "ann", seen, 2)
	wait(ctx, "bob", theirs, 2)
	count, err := client.Call[int](ctx, bob, "count", Room{"room:1"})
	check(err)
	fmt.Println("the server counts", count)
	bob.Close()
	wait(ctx, "ann", seen, 1)
}

// wait shows who is there when so many are.
func wait(ctx context.Context, who string, p *client.Presence, n int) {
	for members, err := range p.Changes(ctx) {
		check(err)
		if members.Count == n {
			var names []string
			for _, m := range members.List {
				names = append(names, m.User)
			}
			fmt.Println(who, "sees", strings.Join(names, ", "))
			return
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
