package main

import (
	"context"
	"errors"

	"github.com/gatesock/gatesock"
)

// newRouter returns the routes. Clients send {"action":"keepalive"} every few minutes, because the
// gateway closes a connection that is silent for ten.
func newRouter() *gatesock.Router {
	r := gatesock.New(gatesock.WithKeepAlive("keepalive"))
	r.Use(gatesock.Recover())
	gatesock.HandleReply(r, "greet", greet)
	return r
}

// The jsonschema tags describe the fields in documents and types that are made from the program;
// the Validate methods check them.

// Greet is the message of the route "greet".
type Greet struct {
	Name string `json:"name" jsonschema:"minLength=1"`
}

// Validate refuses an empty name.
func (g Greet) Validate() error {
	if g.Name == "" {
		return errors.New(`"name" must not be empty`)
	}
	return nil
}

// Greeting is the reply to "greet".
type Greeting struct {
	Text string `json:"text"`
}

func greet(_ context.Context, _ *gatesock.Request, in Greet) (Greeting, error) {
	return Greeting{"Hello, " + in.Name}, nil
}
