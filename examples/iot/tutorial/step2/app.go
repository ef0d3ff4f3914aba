package main

import (
	"context"
	"strconv"
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
	topics := topic.New(memory, store, broadcast.New(api, store),
		topic.WithState(memory, stateOf), topic.WithRetention(retention))
	return &app{store, topics}
}

// stateOf says which topics have values, instead of events.
func stateOf(name string) (topic.State, bool) {
	return topic.State{}, strings.HasPrefix(name, "devices:")
}

// retention says for how long events are kept: readings for a week.
func retention(string) topic.Retention {
	return topic.Retention{Age: 7 * 24 * time.Hour, Count: -1}
}

func (a *app) handler() lambda.Handler {
	r := gatesock.New()
	r.Use(gatesock.Recover(), gatesock.Timeout(25*time.Second), conn.Track(a.store))
	a.topics.Register(r, topic.AllowAnyone)
	gatesock.Handle(r, "report", a.report)
	return r
}

// report adds a reading to the history of its device, and makes it the last value unless a later
// one was there first.
func (a *app) report(ctx context.Context, _ *gatesock.Request, in Report) error {
	at, _, err := a.topics.Publish(ctx, "history:acme/"+in.Device, "reading", in.Reading,
		topic.WithKey(strconv.FormatInt(in.Seq, 10))) // a reading that comes again is found by its number
	if at.IsZero() {
		return err // it is not stored, and the device sends it again
	}
	return update(ctx, a.topics, "devices:acme", in.Device, func(d *Device) error {
		if in.Seq <= d.Seq {
			return errKeep
		}
		d.Reading = in.Reading
		return nil
	})
}
