package main

import (
	"context"
	"log/slog"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// connected marks a device online whose connection begins.
func (a *app) connected(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
	tenant, device := tenantOf(req), deviceOf(req)
	if device == "" {
		return nil, nil
	}
	return nil, update(ctx, a.topics, "devices:"+tenant, device, func(d *Device) error {
		d.Online, d.Session = true, req.ConnectionID
		return nil
	})
}

// ended marks a device offline, unless it has another connection by now.
func (a *app) ended(ctx context.Context, c conn.Conn, _ conn.EndCause) {
	req := &gatesock.Request{Authorizer: c.Authorizer()}
	tenant, device := tenantOf(req), deviceOf(req)
	if device == "" {
		return
	}
	err := update(ctx, a.topics, "devices:"+tenant, device, func(d *Device) error {
		if d.Session != c.ID {
			return errKeep
		}
		d.Online, d.Session = false, ""
		return nil
	})
	if err != nil {
		slog.ErrorContext(ctx, "a device that is offline", "device", device, "error", err)
	}
}
