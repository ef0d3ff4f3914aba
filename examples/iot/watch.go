package iot

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// clearedFor is for how long a cleared alert stays on dashboards.
const clearedFor = 24 * time.Hour

// Watch looks after what nobody sends: it raises the alerts of devices that are silent, ends commands
// whose time is over, and completes what an event has left undone. Call it each minute, or more often.
func (a *App) Watch(ctx context.Context) error {
	var errs []error
	for v, err := range a.topics.Last(ctx, tenantsTopic) {
		if err == nil {
			err = a.watchTenant(ctx, v.Key)
		}
		errs = append(errs, err)
	}
	a.flushRefusals(ctx)
	return errors.Join(errs...)
}

func (a *App) watchTenant(ctx context.Context, tenant string) error {
	return errors.Join(
		a.watchDevices(ctx, tenant),
		a.expireCommands(ctx, tenant),
		a.removeCleared(ctx, tenant),
	)
}

func (a *App) watchDevices(ctx context.Context, tenant string) error {
	var devices []Device
	for v, err := range a.topics.Last(ctx, DevicesTopic(tenant)) {
		if err != nil {
			return err
		}
		d, err := decode[Device](v)
		if err != nil {
			return err
		}
		if a.silent(d) || len(d.Pending) > 0 {
			devices = append(devices, d)
		}
	}
	inParallel(len(devices), func(i int) {
		if err := a.watchDevice(ctx, tenant, devices[i]); err != nil {
			slog.ErrorContext(ctx, "iot: watching a device", "device", devices[i].ID, "error", err)
		}
	})
	return nil
}

// silent reports whether a device has sent nothing for longer than its type may.
func (a *App) silent(d Device) bool {
	return !d.LastSeen.IsZero() && a.settings.now().Sub(d.LastSeen) > a.types[d.Type].Missing
}

func (a *App) watchDevice(ctx context.Context, tenant string, d Device) error {
	settled := a.settle(ctx, tenant, d)
	d, err := a.changeDevice(ctx, tenant, d.ID, func(last *Device) error {
		before := len(last.Pending) + len(last.Raised)
		last.forget(settled)
		if a.silent(*last) {
			last.raise(RuleMissing, last.LastSeen, a.settings.now(), nil)
			last.Status = last.status(a.types[last.Type])
		}
		if before == len(last.Pending)+len(last.Raised) {
			return errKeep
		}
		return nil
	})
	if err != nil {
		return err
	}
	a.settle(ctx, tenant, d)
	return nil
}

// removeCleared removes the alerts that were cleared long ago.
func (a *App) removeCleared(ctx context.Context, tenant string) error {
	var errs []error
	for v, err := range a.topics.Last(ctx, AlertsTopic(tenant)) {
		if err != nil {
			return err
		}
		alert, err := decode[Alert](v)
		if err == nil && alert.State == AlertCleared && a.settings.now().Sub(alert.ClearedAt) > clearedFor {
			_, _, err = a.topics.Delete(ctx, AlertsTopic(tenant), v.Key)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
