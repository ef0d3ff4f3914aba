package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/topic"
)

// What clients subscribe to. State topics have the last value of each key; event topics have all
// events in order, and a client that was away gets what it has missed.
const (
	devicesTopic  = "devices:"  // <site>: values, a Device for each device
	commandsTopic = "commands:" // <site>: values, the last Command to each device
	historyTopic  = "history:"  // <site>/<device>: events "reading", each a Reading
	inboxTopic    = "inbox:"    // <site>/<device>: events "order", each an Order for the device
)

// states has the topics that have values, and what filters may name. A device waits for a second at
// most for dashboards that want a value only so often.
var states = map[string]topic.State{
	devicesTopic:  {Attributes: []string{"device", "status", "value"}, Sampled: true, Patience: time.Second},
	commandsTopic: {Attributes: []string{"device", "state"}},
}

func stateOf(name string) (topic.State, bool) {
	kind, _, _ := strings.Cut(name, ":")
	state, ok := states[kind+":"]
	return state, ok
}

// retention says for how long events can be read: readings, and orders of devices that are away.
func retention(string) topic.Retention { return topic.Retention{Age: 24 * time.Hour, Count: -1} }

// mayRead is asked before a client subscribes: dashboards may read everything of their site but
// inboxes, and a device its own inbox.
func mayRead(_ context.Context, req *gatesock.Request, name string) error {
	kind, rest, _ := strings.Cut(name, ":")
	site, of, _ := strings.Cut(rest, "/")
	p, _ := authz.PrincipalFrom(req)
	inbox, own := kind+":" == inboxTopic, p.HasRole(device) && of == p.ID
	if inbox && !own || !inbox && !p.HasRole(dashboard) || site != siteOf(req) {
		return gatesock.Errorf(gatesock.CodePermissionDenied, "there is no such topic, or it is not yours")
	}
	return nil
}

var errKeep = errors.New("nothing to change") // makes update leave a value as it is

// update changes a value of a state topic in one step. change gets the last value, or the zero
// value; it may be called several times, and must do nothing else.
func update[T any](ctx context.Context, topics *topic.Topics, name, key string, change func(*T) error) error {
	version, _, err := topics.Update(ctx, name, key, func(last topic.Value) (any, error) {
		var value T
		if !last.Deleted() {
			if err := json.Unmarshal(last.Data, &value); err != nil {
				return nil, err
			}
		}
		err := change(&value)
		return value, err
	})
	if version != 0 || errors.Is(err, errKeep) {
		return nil // it is stored: an error is about pushes, and clients make up for those
	}
	return err
}
