package iot

import (
	"context"
	"fmt"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/topic"
)

// Validate checks the state and the sizes.
func (in Result) Validate() error {
	switch {
	case in.State != CommandAcknowledged && in.State != CommandDone && in.State != CommandFailed:
		return fmt.Errorf(`"state" must be %q, %q or %q`, CommandAcknowledged, CommandDone, CommandFailed)
	case len(in.Result) > maxArgsBytes:
		return fmt.Errorf(`"result" must have at most %d bytes`, maxArgsBytes)
	case len(in.Command) > maxKeyBytes:
		return fmt.Errorf(`"command" must have at most %d bytes`, maxKeyBytes)
	case len(in.Message) > maxMessageBytes:
		return fmt.Errorf(`"message" must have at most %d bytes`, maxMessageBytes)
	}
	return nil
}

// result takes what a device says about an order; it may say it twice. It fails with
// [gatesock.CodeNotFound] if the device has no such order, and with
// [gatesock.CodeFailedPrecondition] if the order has ended: the device is too late, or has said
// something else before.
func (a *App) result(ctx context.Context, who caller, in Result) (Command, error) {
	if in.Device == "" {
		in.Device = who.device
	}
	if !who.speaksFor(in.Device) {
		return Command{}, gatesock.Errorf(gatesock.CodePermissionDenied, "the key is not that of this device")
	}
	name, now, late := CommandsTopic(who.tenant), a.now(), false
	c, err := topic.UpdateAs(ctx, a.topics, name, in.Command, func(last Command, exists bool) (Command, error) {
		if !exists || last.Device != in.Device {
			return Command{}, gatesock.Errorf(gatesock.CodeNotFound, "the device has no command %q", in.Command)
		}
		if late = !last.isOver() && !now.Before(last.ExpiresAt); late {
			return last.expire(now)
		}
		return last.apply(in, now)
	})
	if err == nil && late {
		err = errEnded(c)
	}
	return c, err
}

// apply returns the command after a result in time.
func (c Command) apply(in Result, now time.Time) (Command, error) {
	switch {
	case c.State == in.State: // it says it again
		return c, topic.ErrKeep
	case c.isOver():
		return c, errEnded(c)
	case in.State == CommandAcknowledged:
		c.State, c.AcknowledgedAt = in.State, now.UTC()
	default:
		c.State, c.EndedAt, c.Result, c.Message = in.State, now.UTC(), in.Result, in.Message
	}
	return c, nil
}

// errEnded returns the error for a result that comes after the end of its command.
func errEnded(c Command) error {
	return gatesock.Errorf(gatesock.CodeFailedPrecondition,
		"the command is %s since %s", c.State, c.EndedAt.Format(time.RFC3339))
}
