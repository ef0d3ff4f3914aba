package iot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/topic"
)

// Stores are where an app keeps its state.
type Stores struct {
	Connections conn.Store
	Log         topic.Log
	Values      topic.Values
	Keys        apikey.Store
	Tickets     authz.TicketStore
	Limits      ratelimit.Store
	// Ended has its function in Connections.
	Ended *Ended
}

// Ended tells an app which connections have ended. It is made before the store, whose option it is,
// and before the app.
type Ended struct{ app atomic.Pointer[App] }

// Func returns the function for the store: for conn.WithEnded or dynamo.WithEnded.
func (e *Ended) Func() conn.EndedFunc {
	return func(ctx context.Context, c conn.Conn, _ conn.EndCause) {
		if a := e.app.Load(); a != nil {
			a.disconnected(ctx, c)
		}
	}
}

// NewInMemory returns an app for one process, with its state in memory.
func NewInMemory(api gatesock.ConnectionsAPI, opts ...Option) *App {
	s := defaults()
	for _, o := range opts {
		o(&s)
	}
	ended, topics := new(Ended), topic.NewMemory(topic.WithMemoryClock(s.now))
	return New(Stores{
		Connections: conn.NewMemory(conn.WithClock(s.now), conn.WithEnded(conn.CloseExpired(api, ended.Func()))),
		Log:         topics,
		Values:      topics,
		Keys:        apikey.NewMemory(),
		Tickets:     authz.NewMemoryTickets(authz.WithClock(s.now)),
		Limits:      ratelimit.NewMemory(ratelimit.WithClock(s.now)),
		Ended:       ended,
	}, api, opts...)
}

// NewOnTable returns an app with its state in a table that dynamo.DB.CreateTable has made. Any
// number of processes may share the table. NewOnTable makes no request, and fails if the table's
// name is empty. Connections that have ended without a trace are found by a sweep, which
// [App.Handler] does on the schedule "sweep".
func NewOnTable(client *dynamodb.Client, table string, api gatesock.ConnectionsAPI, opts ...Option) (*App, error) {
	if table == "" {
		return nil, errors.New("iot: the table name must not be empty")
	}
	ended := new(Ended)
	db := dynamo.Open(client, table, dynamo.WithEnded(conn.CloseExpired(api, ended.Func())))
	a := New(Stores{
		Connections: db.Connections(),
		Log:         db.Topics(),
		Values:      db.Topics(),
		Keys:        db.APIKeys(),
		Tickets:     db.Tickets(),
		Limits:      db.Buckets(),
		Ended:       ended,
	}, api, opts...)
	a.sweeper = sweep.New(db, lastActive(api), sweep.WithCloser(api))
	return a, nil
}

// lastActive returns a function that asks API Gateway when a connection was active last.
func lastActive(api gatesock.ConnectionsAPI) sweep.Probe {
	return func(ctx context.Context, to gatesock.Target) (time.Time, error) {
		info, err := api.Info(ctx, to)
		return info.LastActiveAt, err
	}
}

// keep returns for how long the events of a topic can be read.
func (a *App) keep(name string) topic.Retention {
	switch {
	case strings.HasPrefix(name, alertlogPrefix):
		return topic.Retention{Age: 7 * 24 * time.Hour}
	case strings.HasPrefix(name, inboxPrefix):
		return topic.Retention{Age: maxTimeout}
	}
	return topic.Retention{Age: a.retention, Count: -1}
}

// patience is for how long a device waits at most when a dashboard that wants only one value in so
// much time gets the next one: such filters with more than this get the last value of a burst with
// the next report.
const patience = time.Second

// stateOf returns which topics have values, and what their filters may name.
func stateOf(name string) (topic.State, bool) {
	prefix, _, _ := strings.Cut(name, ":")
	switch prefix + ":" {
	case devicesPrefix:
		return topic.State{
			Attributes: []string{"id", "type", "region", "status", "online", "value"},
			Sampled:    true, Patience: patience,
		}, true
	case alertsPrefix:
		return topic.State{Attributes: []string{"state", "device", "severity", "region"}}, true
	case commandsPrefix:
		return topic.State{Attributes: []string{"device", "state"}}, true
	case refusalsPrefix, tenantsTopic + ":":
		return topic.State{}, true
	}
	return topic.State{}, false
}

// errKeep makes [update] leave a value as it is.
var errKeep = errors.New("iot: nothing to change")

// update changes a value of a state topic in one step. change gets the last value, or the zero
// value and false if there is none; it may be called several times, and must do nothing else.
func update[T any](
	ctx context.Context, topics *topic.Topics, name, key string, change func(last T, exists bool) (T, error),
) (next T, _ error) {
	version, _, err := topics.Update(ctx, name, key, func(v topic.Value) (any, error) {
		last, err := decode[T](v)
		if err != nil {
			return nil, err
		}
		next, err = change(last, !v.Deleted())
		return next, err
	})
	if errors.Is(err, errKeep) {
		return next, nil
	}
	return next, stored(ctx, version != 0, err)
}

// last returns a value of a state topic, and whether there is one.
func last[T any](ctx context.Context, topics *topic.Topics, name, key string) (_ T, exists bool, _ error) {
	v, err := topics.LastOf(ctx, name, key)
	if err != nil {
		return *new(T), false, err
	}
	out, err := decode[T](v)
	return out, !v.Deleted(), err
}

func decode[T any](v topic.Value) (out T, err error) {
	if v.Deleted() {
		return out, nil
	}
	if err := json.Unmarshal(v.Data, &out); err != nil {
		return out, fmt.Errorf("iot: the value %q: %w", v.Key, err)
	}
	return out, nil
}

// stored returns the error of something that was not stored. Otherwise the error is about pushes:
// clients that missed one ask for what they have missed.
func stored(ctx context.Context, done bool, err error) error {
	if err == nil || !done {
		return err
	}
	slog.WarnContext(ctx, "iot: not all were told", "error", err)
	return nil
}
