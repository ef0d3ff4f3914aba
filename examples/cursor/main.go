// Command cursor shows the mouse of each user to the others: many small updates, of which only the
// latest counts.
//
//	$ go run ./cursor
//	ann's mouse has moved 90 times, and bob has seen it move 10 times
//	bob sees ann at 89, 178
//	cara comes later, and sees ann at 89, 178
//	ann has gone: bob sees nobody
//
// The numbers of the first line vary. cursor.go has the application. A board is a state topic: it
// has the last position of each cursor, also for those that come later. A watcher that has lost a
// push, or got it late, still ends with the right one. Watchers ask for ten positions a second, and
// a sender has one call under way at a time, so that positions cannot overtake each other.
//
// A broadcast without a state, like "typing" in examples/chat, has no writes: that saves about $2
// for a million moves, beside the $1 that API Gateway takes for a million pushes to each watcher.
// But then the last position may be lost with its push, and one that is late replaces a newer one,
// unless the application repeats and numbers them.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"time"

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
	demo(ctx, os.Stdout, func() *client.Client {
		c, err := client.Connect(ctx, server.URL+"?board=1")
		check(err)
		return c
	})
}

// demo has three users, who connect with connect.
func demo(ctx context.Context, out io.Writer, connect func() *client.Client) {
	ann, bob, cara := connect(), connect(), connect()
	defer bob.Close()
	defer cara.Close()
	seen := bob.Values("board:1", client.WithFilter(often()))
	check(seen.Ready(ctx))

	const moves = 90
	pointer := make(Pointer, 1)
	var sending sync.WaitGroup
	sending.Go(func() { check(pointer.Send(ctx, ann, "1")) })
	go func() {
		for i := range moves {
			<-time.After(11 * time.Millisecond)
			pointer.Move(Cursor{"ann", i, 2 * i})
		}
		close(pointer)
	}()
	times, last := 0, Cursor{}
	for v, err := range seen.Changes(ctx) {
		check(err)
		check(v.Decode(&last))
		if times++; last.X == moves-1 {
			break
		}
	}
	sending.Wait()
	fmt.Fprintf(out, "ann's mouse has moved %d times, and bob has seen it move %d times\n", moves, times)
	fmt.Fprintf(out, "bob sees %s at %d, %d\n", last.User, last.X, last.Y)

	late := cara.Values("board:1")
	for v, err := range late.Changes(ctx) {
		check(err)
		check(v.Decode(&last))
		fmt.Fprintf(out, "cara comes later, and sees %s at %d, %d\n", last.User, last.X, last.Y)
		break
	}
	ann.Close()
	for v, err := range seen.Changes(ctx) {
		if check(err); v.Gone {
			break
		}
	}
	fmt.Fprintln(out, "ann has gone: bob sees nobody")
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
