package main

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
)

// Reading is what a device has measured. Seq counts the readings of the device, from 1.
type Reading struct {
	Seq   int64   `json:"seq"`
	Value float64 `json:"value"`
}

// Report is what a device sends.
type Report struct {
	Device string `json:"device"`
	Reading
}

// Device is the last state of a device.
type Device struct {
	Reading
}

type app struct {
	store  conn.Store
	topics *topic.Topics
}

func newApp(api gatesock.ConnectionsAPI) *app {
	store, memory := conn.NewMemory(), topic.NewMemory() // in Lambda: those of a dynamo.DB
	topics := topic.New(memory, store, broadcast.New(api, store), topic.WithState(memory, stateOf))
	return &app{store, topics}
}

// stateOf says which topics have values, instead of events.
func stateOf(name string) (topic.State, bool) {
	return topic.State{}, strings.HasPrefix(name, "devices:")
}

func (a *app) handler() lambda.Handler {
	r := gatesock.New()
	r.Use(gatesock.Recover(), gatesock.Timeout(25*time.Second), conn.Track(a.store))
	a.topics.Register(r, topic.AllowAnyone)
	gatesock.Handle(r, "report", a.report)
	return r
}

// report makes a reading the last value of its device.
func (a *app) report(ctx context.Context, _ *gatesock.Request, in Report) error {
	version, _, err := a.topics.Set(ctx, "devices:acme", in.Device, Device{in.Reading})
	if version != 0 {
		return nil // it is stored: an error is about pushes, and clients make up for those
	}
	return err
}
