package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/examples/iot/simulate/fleet"
)

// topicsOfOne is how many topics a connection may have.
const topicsOfOne = 100

// audit reads the history of every device, from the beginning.
type audit struct {
	at      addresses
	clients []*client.Client
	done    sync.WaitGroup

	mu       sync.Mutex
	seen     map[string]*fleet.Ranges
	doubled  int64
	readings int64
	wrong    []string
}

// openAudit subscribes to the history of devices, with connections of its own.
func openAudit(ctx context.Context, at addresses, devices []string) (*audit, error) {
	a := &audit{at: at, seen: make(map[string]*fleet.Ranges)}
	var subs []*client.Subscription
	for i, device := range devices {
		if i%topicsOfOne == 0 {
			c, err := dial(at) //nolint:contextcheck // it ends with Close
			if err != nil {
				return a, err
			}
			a.clients = append(a.clients, c)
		}
		topic := iot.HistoryTopic(at.Tenant, device)
		c := a.clients[len(a.clients)-1]
		sub := c.Subscribe(topic, client.WithLast(1000)) //nolint:contextcheck // as above
		subs = append(subs, sub)
		a.seen[device] = new(fleet.Ranges)
	}
	for i, sub := range subs {
		if _, err := sub.Established(ctx); err != nil {
			return a, fmt.Errorf("%s: %w", sub.Topic(), err)
		}
		a.done.Go(func() { a.read(ctx, devices[i], sub) })
	}
	return a, nil
}

func (a *audit) read(ctx context.Context, device string, sub *client.Subscription) {
	last := int64(0)
	for e, err := range sub.Events(ctx) {
		var r iot.Reading
		var lost *client.LostError
		a.mu.Lock()
		switch {
		case err != nil && (ctx.Err() != nil || errors.Is(err, client.ErrClosed)):
		case err != nil:
			a.wrong = append(a.wrong, fmt.Sprintf("%s: %v", device, err))
		case e.Decode(&r) != nil || r.Device != device:
			a.wrong = append(a.wrong, fmt.Sprintf("%s: %s is not a reading of it", device, e.Data))
		default:
			a.readings++
			if r.Seq <= last && a.seen[device].Tidy().Has(r.Seq) {
				a.doubled++
			}
			last = max(last, r.Seq)
			a.seen[device].Add(r.Seq)
		}
		a.mu.Unlock()
		if err != nil && !errors.As(err, &lost) {
			return
		}
	}
}

// check returns what is wrong: what was accepted must be there once, and nothing else, but for those
// readings of which the device does not know.
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
	values := c.Values(iot.DevicesTopic(at.Tenant)) //nolint:contextcheck // as above
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
