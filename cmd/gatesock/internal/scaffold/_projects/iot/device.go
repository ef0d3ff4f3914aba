package main

import (
	"context"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
)

// report passes a measurement of a device on to the dashboards of its site. Its route is one-way:
// devices get no answer, not even an error.
func (s *service) report(ctx context.Context, req *gatesock.Request, in Report) error {
	push := s.reading.Push(siteOf(req), Reading{
		Device: req.PrincipalID(), Sensor: in.Sensor, Value: in.Value, At: req.Time,
	})
	_, err := s.broadcaster.Send(ctx, broadcast.To(siteGroup(siteOf(req))), push)
	return err
}
