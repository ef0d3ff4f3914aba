package main

import (
	"context"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
)

// watch lets a dashboard receive the readings of its site.
func (s *service) watch(ctx context.Context, req *gatesock.Request, _ struct{}) (Watching, error) {
	site := siteOf(req)
	return Watching{site}, s.store.Join(ctx, req.ConnectionID, siteGroup(site))
}

// send sends a command to a device at the dashboard's site.
func (s *service) send(ctx context.Context, req *gatesock.Request, in SendCommand) (Sent, error) {
	to := broadcast.To(deviceGroup(siteOf(req), in.Device))
	report, err := s.broadcaster.Send(ctx, to, s.command.Push("", in.Command))
	if err == nil && report.Delivered == 0 {
		err = gatesock.Errorf(gatesock.CodeNotFound, "the device %q is not connected", in.Device)
	}
	return Sent{report.Delivered}, err
}
