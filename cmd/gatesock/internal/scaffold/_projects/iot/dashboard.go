package main

import (
	"context"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/topic"
)

// The states of a command.
const sent, done, failed = "sent", "done", "failed"

// command puts an order into the inbox of a device at the dashboard's site. A device that is not
// connected gets it when it is back.
func (s *service) command(ctx context.Context, req *gatesock.Request, in SendCommand) (Command, error) {
	device, err := s.topics.LastOf(ctx, devicesTopic+siteOf(req), in.Device)
	if err == nil && device.Deleted() {
		err = gatesock.Errorf(gatesock.CodeNotFound, "the device %q has never sent a reading", in.Device)
	}
	if err != nil {
		return Command{}, err
	}
	var c Command
	err = update(ctx, s.topics, commandsTopic+siteOf(req), in.Device, func(last *Command) error {
		if c = *last; last.Order == in.Order {
			return errKeep // it comes again
		}
		c = Command{in.Order, in.Device, req.PrincipalID(), sent, ""}
		*last = c
		return nil
	})
	if err != nil || c.State != sent {
		return c, err
	}
	inbox := inboxTopic + siteOf(req) + "/" + in.Device
	if at, _, err := s.topics.Publish(ctx, inbox, "order", c.Order, topic.WithKey(c.ID)); at.IsZero() {
		return c, err
	}
	return c, nil
}
