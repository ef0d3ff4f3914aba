package iot

import (
	"cmp"
	"context"
	"maps"

	"golang.org/x/sync/errgroup"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/topic"
)

// register adds devices to the tenant of the sender, or changes them. A device that is registered
// again may begin to count its readings anew.
func (a *App) register(ctx context.Context, who caller, in Registration) (Registered, error) {
	if err := a.checkDevices(in.Devices); err != nil {
		return Registered{}, err
	}
	if err := a.rememberTenant(ctx, who.tenant); err != nil {
		return Registered{}, err
	}
	var running errgroup.Group
	running.SetLimit(maxParallel)
	for _, d := range in.Devices {
		running.Go(func() error { return a.registerDevice(ctx, who.tenant, d) })
	}
	return Registered{len(in.Devices)}, running.Wait()
}

func (a *App) checkDevices(devices []NewDevice) error {
	if n := len(devices); n == 0 || n > maxReadings {
		return gatesock.Errorf(gatesock.CodeInvalidArgument, `"devices" must have 1 to %d members, it has %d`, maxReadings, n)
	}
	for _, d := range devices {
		if !validName(d.ID) || !validName(d.Region) || len(d.Name) > 80 {
			return gatesock.Errorf(gatesock.CodeInvalidArgument,
				`the "id" and the "region" of a device have 1 to 40 of a-z, 0-9 and "-", its "name" at most 80 bytes`)
		}
		if _, ok := a.types[d.Type]; !ok {
			return gatesock.Errorf(gatesock.CodeInvalidArgument, "there is no type %.40q", d.Type)
		}
	}
	return nil
}

func (a *App) registerDevice(ctx context.Context, tenant string, in NewDevice) error {
	_, err := topic.UpdateAs(ctx, a.topics, DevicesTopic(tenant), in.ID, func(d Device, _ bool) (Device, error) {
		if d.Type != in.Type { // what it has measured means nothing any more
			d.Values, d.Value, d.Breaches, d.Status = nil, nil, nil, StatusNew
			for rule := range maps.Clone(d.Raised) {
				d.clear(rule, a.now())
			}
		}
		d.ID, d.Name, d.Type, d.Region = in.ID, cmp.Or(in.Name, in.ID), in.Type, in.Region
		d.Generation++
		d.setSequence(sequence{})
		return d, nil
	})
	return err
}

// rememberTenant adds a tenant to those that are watched.
func (a *App) rememberTenant(ctx context.Context, tenant string) error {
	known, err := a.knowsTenant(ctx, tenant)
	if err == nil && !known {
		_, _, err = a.topics.Set(ctx, tenantsTopic, tenant, struct{}{})
	}
	return err
}

// knowsTenant reports whether a tenant has devices.
func (a *App) knowsTenant(ctx context.Context, tenant string) (bool, error) {
	if _, ok := a.tenants.Load(tenant); ok {
		return true, nil
	}
	_, exists, err := topic.LastOfAs[struct{}](ctx, a.topics, tenantsTopic, tenant)
	if exists {
		a.tenants.Store(tenant, nil)
	}
	return exists, err
}

// catalog returns what devices measure, and what the sender may do.
func (a *App) catalog(_ context.Context, who caller, _ struct{}) (Catalog, error) {
	return Catalog{Tenant: who.tenant, Name: who.ID, Scopes: who.Scopes, Types: a.types}, nil
}
