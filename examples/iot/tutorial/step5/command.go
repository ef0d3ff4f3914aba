package main

import (
	"context"
	"crypto/rand"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/topic"
)

// Instruction is what a person sends.
type Instruction struct {
	Device string `json:"device"`
	Name   string `json:"name"`
}

// Order is what a device is told to do.
type Order struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Command is an order, and what has become of it.
type Command struct {
	Order
	Device string `json:"device"`
	State  string `json:"state"` // "sent" or "done"
	Result string `json:"result,omitempty"`
}

// Result is what a device sends when it has done something.
type Result struct {
	Order  string `json:"order"`
	Result string `json:"result"`
}

// command puts an order into the inbox of a device.
func (a *app) command(ctx context.Context, req *gatesock.Request, in Instruction) (Command, error) {
	c := Command{Order{rand.Text(), in.Name}, in.Device, "sent", ""}
	version, _, err := a.topics.Set(ctx, "commands:"+tenantOf(req), c.ID, c)
	if version == 0 {
		return c, err
	}
	at, _, err := a.topics.Publish(ctx, "inbox:"+tenantOf(req)+"/"+in.Device, "order", c.Order, topic.WithKey(c.ID))
	if at.IsZero() {
		return c, err
	}
	return c, nil
}

// result takes the answer of a device. It may come twice.
func (a *app) result(ctx context.Context, req *gatesock.Request, in Result) error {
	return update(ctx, a.topics, "commands:"+tenantOf(req), in.Order, func(c *Command) error {
		switch {
		case c.ID == "" || c.Device != deviceOf(req):
			return gatesock.Errorf(gatesock.CodeNotFound, "you have no order %q", in.Order)
		case c.State == "done":
			return errKeep
		}
		c.State, c.Result = "done", in.Result
		return nil
	})
}
