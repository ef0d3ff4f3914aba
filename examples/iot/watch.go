package iot

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
)

const (
	// clearedFor is for how long a cleared alert stays on dashboards.
	clearedFor = 24 * time.Hour
	// maxParallel is how many devices a process changes at once for one event.
	maxParallel = 64
)

// Watch looks after what nobody sends: it raises the alerts of devices that are silent, ends
// commands whose time is over, and completes what an event has left undone. Call it each minute, or
// more often.
func (a *App) Watch(ctx context.Context) (failed error) {
	for v, err := range a.topics.Last(ctx, tenantsTopic) {
		if err == nil {
			err = errors.Join(a.watchDevices(ctx, v.Key), a.expireCommands(ctx, v.Key), a.removeCleared(ctx, v.Key))
		}
		failed = errors.Join(failed, err)
	}
	a.flushRefusals(ctx)
	return failed
}

// watchDevices looks after the devices with which something is to be done.
func (a *App) watchDevices(ctx context.Context, tenant string) (failed error) {
	var running errgroup.Group
	running.SetLimit(maxParallel)
	for d, err := range topic.LastAs[Device](ctx, a.topics, DevicesTopic(tenant)) {
		failed = errors.Join(failed, err)
		if err == nil && (a.silent(d) || len(d.Pending) > 0) {
			running.Go(func() error { return a.watchDevice(ctx, tenant, d) })
		}
	}
	return errors.Join(failed, running.Wait())
}

// silent reports whether a device has sent nothing for longer than its type may.
func (a *App) silent(d Device) bool {
	return !d.LastSeen.IsZero() && a.now().Sub(d.LastSeen) > a.types[d.Type].Missing
}

func (a *App) watchDevice(ctx context.Context, tenant string, d Device) error {
	settled := a.settle(ctx, tenant, d)
	lost, err := a.lostConnection(ctx, d)
	if err != nil {
		return err
	}
	if _, known := d.Raised[RuleMissing]; len(settled) == 0 && !lost && (known || !a.silent(d)) {
		return nil
	}
	d, err = a.changeDevice(ctx, tenant, d.ID, func(last *Device) error {
		last.forget(settled)
		if lost && last.Session == d.Session {
			last.goOffline(a.now())
		}
		if a.silent(*last) {
			last.raise(RuleMissing, last.LastSeen, a.now(), nil)
			last.Status = last.status(a.types[last.Type])
		}
		return nil
	})
	if err == nil {
		a.settle(ctx, tenant, d)
	}
	return err
}

// lostConnection reports whether a silent device counts as online by a WebSocket connection that is
// not there: its end may have come before its beginning was written, or without a trace.
func (a *App) lostConnection(ctx context.Context, d Device) (bool, error) {
	if !d.Online || !a.silent(d) || strings.HasPrefix(d.Session, mqttSession) {
		return false, nil
	}
	_, err := a.stores.Connections.Get(ctx, d.Session)
	if errors.Is(err, conn.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// removeCleared removes the alerts that were cleared long ago.
func (a *App) removeCleared(ctx context.Context, tenant string) (failed error) {
	for alert, err := range topic.LastAs[Alert](ctx, a.topics, AlertsTopic(tenant)) {
		if err == nil && alert.State == AlertCleared && a.now().Sub(alert.ClearedAt) > clearedFor {
			err = a.removeAlert(ctx, tenant, alert)
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// removeAlert removes an alert. If it was raised again meanwhile, which the device says first, it
// is written again.
func (a *App) removeAlert(ctx context.Context, tenant string, alert Alert) error {
	_, _, err := a.topics.Delete(ctx, AlertsTopic(tenant), alert.ID)
	if err != nil {
		return err
	}
	d, err := a.device(ctx, tenant, alert.Device)
	if o, raised := d.Raised[alert.Rule]; err == nil && raised {
		err = a.writeAlert(ctx, tenant, a.alert(d, o))
	}
	return err
}
