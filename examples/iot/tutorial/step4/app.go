package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/topic"
)

// Reading is what a device has measured. Seq counts the readings of the device, from 1.
type Reading struct {
	Seq   int64   `json:"seq"`
	Value float64 `json:"value"`
}

// Device is the last state of a device.
type Device struct {
	Reading
	Status string `json:"status"` // "ok", or "hot" above 30
}

func status(value float64) string {
	if value > 30 {
		return "hot"
	}
	return "ok"
}

type app struct {
	store  conn.Store
	topics *topic.Topics
	keys   *apikey.Manager
}

func newApp(api gatesock.ConnectionsAPI) *app {
	store, memory := conn.NewMemory(), topic.NewMemory() // in Lambda: those of a dynamo.DB
	topics := topic.New(memory, store, broadcast.New(api, store),
		topic.WithState(memory, stateOf), topic.WithRetention(retention))
	return &app{store, topics, apikey.New(apikey.NewMemory())}
}

// stateOf says which topics have values, instead of events, and what filters may name.
func stateOf(name string) (topic.State, bool) {
	return topic.State{Attributes: []string{"value", "status"}, Sampled: true}, strings.HasPrefix(name, "devices:")
}

// retention says for how long events are kept: readings for a week.
func retention(string) topic.Retention {
	return topic.Retention{Age: 7 * 24 * time.Hour, Count: -1}
}

func (a *app) handler() lambda.Handler {
	r := gatesock.New(gatesock.DenyByDefault()) // a route without a guard is a mistake
	r.Use(gatesock.Recover(), gatesock.Timeout(25*time.Second), conn.Track(a.store))
	a.topics.Register(r, mayRead, authz.RequirePrincipal())
	gatesock.Handle(r, "report", a.report, authz.RequireScopes("device"))
	return eventmux.New(eventmux.WebSocket(r), eventmux.Authorizer(a.authorizer()))
}

// report takes a reading of the device whose key the connection has.
func (a *app) report(ctx context.Context, req *gatesock.Request, in Reading) error {
	return a.take(ctx, tenantOf(req), deviceOf(req), in)
}

// take adds a reading to the history of its device, and makes it the last value unless a later
// one was there first.
func (a *app) take(ctx context.Context, tenant, device string, in Reading) error {
	at, _, err := a.topics.Publish(ctx, "history:"+tenant+"/"+device, "reading", in,
		topic.WithKey(strconv.FormatInt(in.Seq, 10))) // a reading that comes again is found by its number
	if at.IsZero() {
		return err // it is not stored, and the device sends it again
	}
	return update(ctx, a.topics, "devices:"+tenant, device, func(d *Device) error {
		if in.Seq <= d.Seq {
			return errKeep
		}
		d.Reading, d.Status = in, status(in.Value)
		return nil
	})
}
