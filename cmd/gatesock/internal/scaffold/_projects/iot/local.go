package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/topic"
)

// newLocal returns the service for your machine, and prints a key for a device and for a dashboard.
func newLocal(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
	handler, keys := newInMemory(api)
	for _, key := range []apikey.Key{deviceKey("plant-1", "sensor-7"), dashboardKey("plant-1", "ann")} {
		_, secret, err := keys.Create(context.Background(), key)
		if err != nil {
			return nil, err
		}
		fmt.Printf("key of the %s %s at %s: %s\n", key.Roles[0], key.Owner, key.Attributes["site"], secret)
	}
	return handler, nil
}

// newInMemory returns the service with its state in memory, and the keys that it accepts.
func newInMemory(api gatesock.ConnectionsAPI) (lambda.Handler, *apikey.Manager) {
	store := apikey.NewMemory()
	topics := topic.NewMemory()
	s := &service{
		api: api, store: conn.NewMemory(), log: topics, values: topics, buckets: ratelimit.NewMemory(), keys: store,
	}
	return eventmux.New(eventmux.WebSocket(s.router()), eventmux.Authorizer(s.authorizer())), apikey.New(store)
}
