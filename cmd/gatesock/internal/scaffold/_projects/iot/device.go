package main

import (
	"cmp"
	"context"
	"strconv"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/topic"
)

// report takes a reading. It is added to the history first: if that is all that happens, the device
// has no answer and sends the reading again, which the history then has already.
func (s *service) report(ctx context.Context, req *gatesock.Request, in Reading) error {
	in.At = cmp.Or(in.At, req.Time)
	site, id := siteOf(req), req.PrincipalID()
	again := topic.WithKey(strconv.FormatInt(in.Seq, 10))
	if at, _, err := s.topics.Publish(ctx, historyTopic+site+"/"+id, "reading", in, again); at.IsZero() {
		return err
	}
	return update(ctx, s.topics, devicesTopic+site, id, func(d *Device) error {
		if in.Seq <= d.Seq {
			return errKeep // it comes again, or late
		}
		d.Device, d.Reading, d.Status = id, in, "ok"
		if in.Value > 30 { // or what is high for your devices
			d.Status = "high"
		}
		return nil
	})
}

// result takes what has become of an order. A device may say it twice.
func (s *service) result(ctx context.Context, req *gatesock.Request, in Result) error {
	return update(ctx, s.topics, commandsTopic+siteOf(req), req.PrincipalID(), func(c *Command) error {
		switch {
		case c.ID != in.Order:
			return gatesock.Errorf(gatesock.CodeFailedPrecondition, "this is not the last order")
		case c.State != sent:
			return errKeep
		}
		c.State, c.Message = in.State, in.Message
		return nil
	})
}
