package iot

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/topic"
)

// keepCommands is for how long a command can be seen after its end.
const keepCommands = time.Hour

// Validate checks what does not depend on the device.
func (in Instruction) Validate() error {
	timeout := time.Duration(in.TimeoutMs) * time.Millisecond
	switch {
	case in.TimeoutMs != 0 && (timeout < minTimeout || timeout > maxTimeout):
		return fmt.Errorf(`"timeoutMs" must be from %d to %d`, minTimeout.Milliseconds(), maxTimeout.Milliseconds())
	case len(in.Args) > maxArgsBytes:
		return fmt.Errorf(`"args" must have at most %d bytes`, maxArgsBytes)
	case len(in.Key) > maxKeyBytes:
		return fmt.Errorf(`"key" must have at most %d bytes`, maxKeyBytes)
	}
	return nil
}

// command sends an order to a device. With a key that was used before, it sends the first order
// again unless that has ended.
func (a *App) command(ctx context.Context, who caller, in Instruction) (Command, error) {
	d, err := a.device(ctx, who.tenant, in.Device)
	if err != nil {
		return Command{}, err
	}
	if known := a.types[d.Type].Commands; !slices.Contains(known, in.Name) {
		return Command{}, gatesock.Errorf(gatesock.CodeInvalidArgument,
			"a %s does not know %q; it knows %s", d.Type, in.Name, strings.Join(known, ", "))
	}
	c, err := a.addCommand(ctx, who.tenant, newCommand(who.ID, in, a.now().UTC()))
	if err != nil || c.State != CommandSent || !a.now().Before(c.ExpiresAt) {
		return c, err
	}
	return c, a.send(ctx, who.tenant, d, c.Order)
}

// newCommand returns a command that was not sent yet.
func newCommand(by string, in Instruction, now time.Time) Command {
	timeout := time.Duration(in.TimeoutMs) * time.Millisecond
	if timeout == 0 {
		timeout = defaultTimeout
	}
	return Command{
		Order:  Order{ID: commandID(by, in.Key), Name: in.Name, Args: in.Args, ExpiresAt: now.Add(timeout)},
		Device: in.Device, By: by, State: CommandSent, SentAt: now,
	}
}

// commandID returns the id of a command, which is the same for the same key of a person.
func commandID(by, key string) string {
	if key == "" {
		return rand.Text()
	}
	sum := sha256.Sum256([]byte(by + "\x00" + key))
	return base32.StdEncoding.EncodeToString(sum[:])[:26]
}

// addCommand stores a command and returns it, or the one that has its id.
func (a *App) addCommand(ctx context.Context, tenant string, c Command) (Command, error) {
	return topic.UpdateAs(ctx, a.topics, CommandsTopic(tenant), c.ID, func(last Command, exists bool) (Command, error) {
		switch {
		case !exists:
			return c, nil
		case last.Device != c.Device || last.Name != c.Name || string(last.Args) != string(c.Args):
			return last, gatesock.Errorf(gatesock.CodeFailedPrecondition, "the key was used for another command")
		}
		return last, topic.ErrKeep
	})
}

// send passes an order on to its device: to its inbox, and by MQTT unless it speaks otherwise. A
// device may get an order twice. It acknowledges an order before it does anything, which is refused
// if the order has ended.
func (a *App) send(ctx context.Context, tenant string, d Device, o Order) error {
	_, _, err := a.topics.Publish(ctx, InboxTopic(tenant, d.ID), "command", o, topic.WithKey(o.ID))
	if err != nil || a.downlink == nil || d.Via == viaWebSocket || d.Via == viaHTTP {
		return err
	}
	if err := a.downlink(ctx, tenant, d.ID, o); err != nil { // it gets it when it subscribes again
		slog.WarnContext(ctx, "iot: sending an order by MQTT", "device", d.ID, "error", err)
	}
	return nil
}

// maxPending is how many of the last orders to a device may wait for it.
const maxPending = 20

// pendingOrders returns the orders that a device has not answered, the oldest first.
func (a *App) pendingOrders(ctx context.Context, who caller) (orders []Order, _ error) {
	page, err := a.stores.Log.Read(ctx, topic.Query{Topic: InboxTopic(who.tenant, who.device), Newest: maxPending})
	if err != nil {
		return nil, err
	}
	for _, entry := range page.Entries {
		var o Order
		if err := json.Unmarshal(entry.Events[0].Data, &o); err != nil {
			return nil, err
		}
		if !a.now().Before(o.ExpiresAt) {
			continue
		}
		c, exists, err := topic.LastOfAs[Command](ctx, a.topics, CommandsTopic(who.tenant), o.ID)
		if err != nil {
			return nil, err
		}
		if exists && c.State == CommandSent {
			orders = append(orders, o)
		}
	}
	return orders, nil
}

// expireCommands ends the commands of a tenant whose time is over, and deletes those that have
// ended long ago.
func (a *App) expireCommands(ctx context.Context, tenant string) (failed error) {
	now, name := a.now(), CommandsTopic(tenant)
	for c, err := range topic.LastAs[Command](ctx, a.topics, name) {
		switch {
		case err != nil:
		case c.isOver() && now.Sub(c.EndedAt) > keepCommands:
			_, _, err = a.topics.Delete(ctx, name, c.ID)
		case !c.isOver() && !now.Before(c.ExpiresAt):
			_, err = topic.UpdateAs(ctx, a.topics, name, c.ID, func(c Command, _ bool) (Command, error) { return c.expire(now) })
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// isOver reports whether a command has ended.
func (c Command) isOver() bool { return c.State != CommandSent && c.State != CommandAcknowledged }

// expire returns the command as it is when its time is over.
func (c Command) expire(now time.Time) (Command, error) {
	if c.isOver() {
		return c, topic.ErrKeep
	}
	c.State, c.EndedAt = CommandExpired, now.UTC()
	return c, nil
}
