package main

import (
	"context"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
)

// newApp returns an application whose topics show who is there.
func newApp(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
	ended, memory := topic.NewEnded(), topic.NewMemory()  // in Lambda: the Topics of a dynamo.DB
	store := conn.NewMemory(conn.WithEnded(ended.Func())) // and dynamo.WithEnded
	topics := topic.New(memory, store, broadcast.New(api, store),
		topic.WithPresence(memory, inRooms, ended))

	r := gatesock.New()
	r.Use(gatesock.Recover(), conn.Track(store, conn.WithUser(func(req *gatesock.Request) string {
		return req.Query.Get("user") // stands for a sign-in: without this option it is the principal
	})))
	topics.Register(r, topic.AllowAnyone)
	gatesock.HandleReply(r, "count", func(ctx context.Context, _ *gatesock.Request, in Room) (int, error) {
		users, err := topics.Present(ctx, in.Room) // on the server
		return len(users), err
	})
	return r, nil
}

// inRooms reports which topics show who is there. With a Grace of some seconds in topic.Presence,
// users who load the page again do not leave and come back.
func inRooms(name string) (topic.Presence, bool) {
	return topic.Presence{}, strings.HasPrefix(name, "room:")
}

// Room is a request.
type Room struct {
	Room string `json:"room"`
}
