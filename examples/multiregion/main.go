// Command multiregion has one chat in two regions. Each has a table and an API of its own, and what
// is said in one is published in the other, by a queue. A DynamoDB global table would not do: its
// regions could put two events in the same place of a topic. Here both regions are in memory.
//
//	$ go run ./multiregion
//	ann in Ireland reads: ann: hello, bob: hi ann
//	bob in Oregon reads: ann: hello, bob: hi ann
//	the link is down, and both say something
//	ann in Ireland reads: ann: bob?
//	bob in Oregon reads: bob: ann?
//	the link is up
//	ann in Ireland reads: bob: ann?
//	bob in Oregon reads: ann: bob?
//
// Promised, if the queue delivers every message at least once: what was acknowledged is in both
// regions, once in each, and all clients of a region get it in the order of that region. While the
// link is down each region works on, and its queue keeps what the other has not got.
//
// Not promised: the same order in both regions, as above; and nothing else crosses the link. A
// position is one of a region, so a client that moves to the other is told that it may have missed
// events, and loads the newest ones. Presence is that of a region, and so are the values of a state
// topic. A key is remembered for as long as its event is kept, 24 hours unless you say otherwise:
// let the queue keep no message for longer.
//
// region.go has the application, simulate.go the two regions. With topic.WithStream each region
// pushes to its own clients, and the other one only writes to its table.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

func main() {
	slog.SetLogLoggerLevel(slog.LevelError)
	ctx := context.Background()
	w := start(ctx)
	defer w.stop()
	ann, bob := w.ireland.join(ctx), w.oregon.join(ctx)
	read := func(n int) {
		fmt.Println("ann in Ireland reads:", strings.Join(ann.read(ctx, n), ", "))
		fmt.Println("bob in Oregon reads:", strings.Join(bob.read(ctx, n), ", "))
	}
	ann.say(ctx, "ann", "hello")
	w.deliver(ctx)
	bob.say(ctx, "bob", "hi ann")
	w.deliver(ctx)
	read(2)
	fmt.Println("the link is down, and both say something")
	w.down.Store(true)
	ann.say(ctx, "ann", "bob?")
	bob.say(ctx, "bob", "ann?")
	w.deliver(ctx)
	read(1)
	fmt.Println("the link is up")
	w.down.Store(false)
	w.deliver(ctx)
	read(1)
}
