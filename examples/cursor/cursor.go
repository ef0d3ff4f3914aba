package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
)

// Cursor is the value of a connection in the state topic of a board.
type Cursor struct {
	User string `json:"user"`
	X    int    `json:"x"`
	Y    int    `json:"y"`
}

// Move is a request.
type Move struct {
	Board string `json:"board"`
	Cursor
}

// often is the filter of those that watch: the latest position of each cursor, ten times a second.
func often() any { return map[string]int{"everyMs": 100} }

// newApp returns an application in which clients see the cursors of a board.
func newApp(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
	var topics *topic.Topics
	store := conn.NewMemory(conn.WithEnded(func(ctx context.Context, c conn.Conn, _ conn.EndCause) {
		for _, group := range c.Groups {
			if !strings.HasPrefix(group, "board:") {
				continue
			}
			if _, _, err := topics.Delete(ctx, group, c.ID); err != nil {
				slog.ErrorContext(ctx, "removing a cursor", "error", err)
			}
		}
	}))
	memory := topic.NewMemory() // in Lambda: the Topics of a dynamo.DB
	topics = topic.New(memory, store, broadcast.New(api, store),
		topic.WithState(memory, func(string) (topic.State, bool) { return topic.State{Sampled: true}, true }))

	r := gatesock.New()
	r.Use(gatesock.Recover(), gatesock.Timeout(25*time.Second), conn.Track(store, conn.WithGroups(
		func(req *gatesock.Request) []string { return []string{"board:" + req.Query.Get("board")} })))
	topics.Register(r, topic.AllowAnyone)
	gatesock.Handle(r, "move", func(ctx context.Context, req *gatesock.Request, in Move) error {
		version, _, err := topics.Set(ctx, "board:"+in.Board, req.ConnectionID, in.Cursor)
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
func (p Pointer) Send(ctx context.Context, c *client.Client, board string) error {
	for at := range p {
		if err := c.Call(ctx, "move", Move{board, at}, nil, client.Idempotent()); err != nil {
			return err
		}
	}
	return nil
}
