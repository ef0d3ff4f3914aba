package iot

import (
	"context"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/topic"
)

// device returns a device, or a [gatesock.CodeNotFound].
func (a *App) device(ctx context.Context, tenant, id string) (Device, error) {
	d, exists, err := topic.LastOfAs[Device](ctx, a.topics, DevicesTopic(tenant), id)
	if err == nil && !exists {
		err = noDevice(id)
	}
	return d, err
}

func noDevice(id string) error {
	return gatesock.Errorf(gatesock.CodeNotFound, "there is no device %q", id)
}

// changeDevice changes a device in one step. change may be called several times.
func (a *App) changeDevice(ctx context.Context, tenant, id string, change func(*Device) error) (Device, error) {
	return topic.UpdateAs(ctx, a.topics, DevicesTopic(tenant), id, func(d Device, exists bool) (Device, error) {
		if !exists {
			return d, noDevice(id)
		}
		err := change(&d)
		return d, err
	})
}

// accept makes a reading that is in the history a part of the device's state. It refuses one that
// another event has accepted meanwhile. The values are those of the latest reading.
func (d *Device) accept(t Type, r Reading) *refusal {
	seen := d.sequence()
	if refused := seen.check(r.Seq); refused != nil {
		if refused.reason == ReasonOutOfOrder { // others have come meanwhile, but this one is in the history
			return nil
		}
		return refused
	}
	latest := r.Seq > d.Seq
	d.setSequence(seen.add(r.Seq))
	if latest {
		value := r.Values[t.Main]
		d.At, d.Values, d.Value = r.At, r.Values, &value
		d.judge(t, r)
	}
	return nil
}

// status returns the status that the alerts of a device make.
func (d *Device) status(t Type) Status {
	if _, ok := d.Raised[RuleMissing]; ok {
		return StatusSilent
	}
	status := StatusOK
	for _, rule := range t.Rules {
		if _, ok := d.Raised[rule.ID]; ok && status != StatusAlarm {
			status = rule.Severity
		}
	}
	return status
}
