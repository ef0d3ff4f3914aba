// Command cursor shows the mouse of each user to the others: many small updates, of which only the
// latest counts.
//
//	$ go run ./cursor
//	ann's mouse has moved 90 times, and bob has seen it move 10 times
//	bob sees ann at 89, 178
//
// The numbers of the first line vary. The board is a state topic: it has the last position of each
// cursor, also for those that come later. A watcher that has lost a push, or got it late, still
// ends with the right one. Watchers ask for ten positions a second, and a sender has one call under
// way at a time, so that positions cannot overtake each other.
//
// A broadcast without a state, like "typing" in examples/chat, has no writes: about $2 less for a
// million moves. But its last position may be lost, and a late one replaces a newer one.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/examples/internal/demo"
	"github.com/gatesock/gatesock/topic"
)

const board = "board:1" // in an application with several, part of the request

// Cursor is a request, and the value of a connection in the topic of the board.
type Cursor struct {
	User string `json:"user"`
	X    int    `json:"x"`
	Y    int    `json:"y"`
}

// often is the filter of those that watch: the latest position of each cursor, ten times a second.
func often() any { return map[string]int{"everyMs": 100} }

// newApp returns an application in which clients see each other's cursors.
func newApp(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
	var topics *topic.Topics
	store := conn.NewMemory(conn.WithEnded(func(ctx context.Context, c conn.Conn, _ conn.EndCause) {
		if _, _, err := topics.Delete(ctx, board, c.ID); err != nil {
			slog.ErrorContext(ctx, "removing a cursor", "error", err)
		}
	}))
	memory := topic.NewMemory() // in Lambda: the Topics of a dynamo.DB
	topics = topic.New(memory, store, broadcast.New(api, store),
		topic.WithState(memory, func(string) (topic.State, bool) { return topic.State{Sampled: true}, true }))

	r := gatesock.New()
	r.Use(gatesock.Recover(), gatesock.Timeout(25*time.Second), conn.Track(store))
	topics.Register(r, topic.AllowAnyone)
	gatesock.Handle(r, "move", func(ctx context.Context, req *gatesock.Request, in Cursor) error {
		version, _, err := topics.Set(ctx, board, req.ConnectionID, in)
		if version != 0 {
			return nil // it is stored: an error is about pushes, and clients make up for those
		}
		return err
	})
	return r, nil
}

// Pointer has the last position of a mouse, which may move more often than it can be sent. Make it
// with make(Pointer, 1).
type Pointer chan Cursor

// Move replaces the position. One goroutine at a time may call it.
func (p Pointer) Move(to Cursor) {
	select {
	case <-p: // nobody has sent it yet, and now nobody needs to
	default:
	}
	p <- to
}

// Send sends the positions until the Pointer is closed, one call after the other. The call is
// answered when the watchers have been told, at most ten times a second, and what the mouse does
// meanwhile is one move.
func (p Pointer) Send(ctx context.Context, c *client.Client) error {
	for at := range p {
		if err := c.Call(ctx, "move", at, nil, client.Idempotent()); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	ctx := context.Background()
	url, stop := demo.Serve(ctx, newApp)
	defer stop()
	play(ctx, os.Stdout, demo.Connect(ctx, url), demo.Connect(ctx, url))
}

// play lets ann move her mouse, while bob watches.
func play(ctx context.Context, out io.Writer, ann, bob *client.Client) {
	seen := bob.Values(board, client.WithFilter(often()))
	demo.Check(seen.Ready(ctx))
	const moves = 90
	pointer := make(Pointer, 1)
	go func() {
		for i := range moves {
			<-time.After(11 * time.Millisecond)
			pointer.Move(Cursor{"ann", i, 2 * i})
		}
		close(pointer)
	}()
	sent := make(chan error, 1)
	go func() { sent <- pointer.Send(ctx, ann) }()
	times, last := 0, Cursor{}
	for v, err := range seen.Changes(ctx) {
		demo.Check(err)
		demo.Check(v.Decode(&last))
		if times++; last.X == moves-1 {
			break
		}
	}
	demo.Check(<-sent)
	fmt.Fprintf(out, "ann's mouse has moved %d times, and bob has seen it move %d times\n", moves, times)
	fmt.Fprintf(out, "bob sees %s at %d, %d\n", last.User, last.X, last.Y)
}
