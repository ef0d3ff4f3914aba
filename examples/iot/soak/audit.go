package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/examples/iot/simulate/fleet"
)

// topicsOfOne is how many topics a connection may have.
const topicsOfOne = 100

// The audit reads each history again and again, well within the time for which readings are kept.
const (
	auditors   = 8
	auditEvery = 20 * time.Second
)

// audit reads the history of every device, from the beginning: each time it subscribes from where
// it was, reads what there is, and leaves.
type audit struct {
	at      addresses
	stop    context.CancelFunc
	done    sync.WaitGroup
	clients []*client.Client

	mu       sync.Mutex
	seen     map[string]*fleet.Ranges
	position map[string]client.Position
	doubled  int64
	readings int64
	wrong    []string
}

// openAudit begins to read the histories of devices.
func openAudit(ctx context.Context, at addresses, devices []string) (*audit, error) {
	ctx, stop := context.WithCancel(ctx)
	a := &audit{at: at, stop: stop, seen: make(map[string]*fleet.Ranges), position: make(map[string]client.Position)}
	for _, device := range devices {
		a.seen[device] = new(fleet.Ranges)
	}
	for i := range auditors {
		c, err := dial(at) //nolint:contextcheck // it ends with Close
		if err != nil {
			return a, err
		}
		a.clients = append(a.clients, c)
		a.done.Go(func() {
			for ctx.Err() == nil {
				next := time.Now().Add(auditEvery)
				for d := i; d < len(devices) && ctx.Err() == nil; d += auditors {
					a.read(ctx, c, devices[d])
				}
				pause(ctx, time.Until(next))
			}
		})
	}
	return a, nil
}

// all reads all histories once more, to their ends.
func (a *audit) all(ctx context.Context) {
	a.stop()
	a.done.Wait()
	var done sync.WaitGroup
	devices := slices.Sorted(maps.Keys(a.seen))
	for i, c := range a.clients {
		done.Go(func() {
			for d := i; d < len(devices); d += auditors {
				a.read(ctx, c, devices[d])
			}
		})
	}
	done.Wait()
}

// read reads what the history of a device has beyond what was read before.
func (a *audit) read(ctx context.Context, c *client.Client, device string) {
	a.mu.Lock()
	from, known := a.position[device]
	a.mu.Unlock()
	options := []client.SubscribeOption{client.WithLast(1000)}
	if known {
		options = append(options, client.WithSince(from))
	}
	sub := c.Subscribe(iot.HistoryTopic(a.at.Tenant, device), options...) //nolint:contextcheck // it ends with Close
	defer sub.Close()
	newest, err := sub.History(ctx, client.Position{}, 1)
	if err == nil && len(newest.Events) == 0 {
		return
	}
	if err == nil {
		err = a.upTo(ctx, sub, device, newest.Events[0].Position)
	}
	if err != nil && ctx.Err() == nil && gatesock.CodeOf(err) != gatesock.CodeUnavailable {
		a.mu.Lock()
		a.wrong = append(a.wrong, fmt.Sprintf("%s: %v", device, err))
		a.mu.Unlock()
	}
}

// upTo reads the events of a history up to a position.
func (a *audit) upTo(ctx context.Context, sub *client.Subscription, device string, end client.Position) error {
	if at, _ := sub.Position(); at.Epoch == end.Epoch && at.Offset >= end.Offset {
		return nil
	}
	for e, err := range sub.Events(ctx) {
		var r iot.Reading
		if lost := (*client.LostError)(nil); errors.As(err, &lost) {
			return fmt.Errorf("the machine is too slow for the audit, which comes too late: %w", err)
		}
		if err == nil && (e.Decode(&r) != nil || r.Device != device) {
			err = fmt.Errorf("%s is not a reading of it", e.Data)
		}
		if err != nil {
			return err
		}
		a.mu.Lock()
		a.readings++
		seen := a.seen[device]
		before := seen.Tidy().Len()
		if seen.Add(r.Seq); seen.Tidy().Len() == before {
			a.doubled++
		}
		a.position[device] = e.Position
		a.mu.Unlock()
		if e.Position.Offset >= end.Offset {
			return nil
		}
	}
	return nil
}

// check returns what is wrong: what was accepted must be there once, and nothing else, but for
// those readings of which the device does not know.
func (a *audit) check(records []fleet.Record) (problems []string, lost int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	problems = a.wrong[:min(5, len(a.wrong))]
	if n := len(a.wrong); n > 5 {
		problems = append(problems, fmt.Sprintf("%d errors", n))
	}
	invented := int64(0)
	for _, r := range records {
		set := a.seen[r.Device]
		if set == nil {
			problems = append(problems, r.Device+" was not read")
			continue
		}
		seen := set.Tidy()
		lost += missing(r, seen, 0, false)
		for _, part := range seen {
			for seq := part[0]; seq <= part[1]; seq++ {
				if !r.Accepted.Has(seq) && !r.Handed.Has(seq) && !r.Open.Has(seq) {
					invented++
				}
			}
		}
	}
	if lost > 0 {
		problems = append(problems, fmt.Sprintf("%d readings were accepted and are not in the history", lost))
	}
	if invented > 0 {
		problems = append(problems, fmt.Sprintf("%d readings are in the history and were not accepted", invented))
	}
	if a.doubled > 0 {
		problems = append(problems, fmt.Sprintf("%d readings are in the history twice", a.doubled))
	}
	return problems, lost
}

func (a *audit) close() {
	a.stop()
	for _, c := range a.clients {
		_ = c.Close()
	}
	a.done.Wait()
}

// settled returns the last value of each device as the server has it, when what the devices know is
// part of it.
func settled(ctx context.Context, at addresses) (map[string]iot.Device, error) {
	c, err := dial(at) //nolint:contextcheck // it ends with Close
	if err != nil {
		return nil, err
	}
	defer c.Close()
	values := c.Values(iot.DevicesTopic(at.Tenant))
	if err := values.Ready(ctx); err != nil {
		return nil, err
	}
	end := make(map[string]iot.Device)
	for key, v := range values.All() {
		var d iot.Device
		if err := v.Decode(&d); err != nil {
			return nil, err
		}
		end[key] = d
	}
	return end, nil
}
