package iot

import (
	"context"
	"log/slog"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
)

// connected marks a device online whose connection begins.
func (a *App) connected(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
	who := callerOf(req)
	if who.device == "" {
		return nil, nil
	}
	err := a.online(ctx, who, req.ConnectionID, a.now())
	if gatesock.CodeOf(err) == gatesock.CodeNotFound {
		a.Refuse(ctx, who.tenant, ReasonUnknownDevice, who.device+": connects")
	}
	return nil, err
}

// Ended marks a device offline whose connection has ended. The store calls it; see [Stores].
func (a *App) Ended(ctx context.Context, c conn.Conn, _ conn.EndCause) {
	req := &gatesock.Request{Authorizer: c.Authorizer()}
	tenant, device := authz.AttributeFrom(req, AttributeTenant), authz.AttributeFrom(req, AttributeDevice)
	if device == "" {
		return
	}
	if err := a.offline(ctx, tenant, device, c.ID, a.now()); err != nil {
		slog.ErrorContext(ctx, "iot: a device that is offline", "device", device, "error", err)
	}
}

func (a *App) online(ctx context.Context, who caller, session string, at time.Time) error {
	_, err := a.changeDevice(ctx, who.tenant, who.device, func(d *Device) error {
		d.Online, d.Session, d.Via = true, session, who.via
		d.Since, d.LastSeen = at, at
		return nil
	})
	return err
}

// offline marks a device offline, unless it has another session by now.
func (a *App) offline(ctx context.Context, tenant, device, session string, at time.Time) error {
	_, err := a.changeDevice(ctx, tenant, device, func(d *Device) error {
		if !d.Online || d.Session != session {
			return topic.ErrKeep
		}
		d.goOffline(at)
		return nil
	})
	return err
}

func (d *Device) goOffline(at time.Time) { d.Online, d.Session, d.Since = false, "", at }
