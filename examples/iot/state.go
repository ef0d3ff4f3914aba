package iot

import (
	"context"
	"errors"

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
	Connections conn.Store // calls [App.Ended]
	Log         topic.Log
	Values      topic.Values
	Keys        apikey.Store
	Tickets     authz.TicketStore
	Limits      ratelimit.Store
}

// NewInMemory returns an app for one process, with its state in memory.
func NewInMemory(api gatesock.ConnectionsAPI, opts ...Option) *App {
	var a *App
	now := newSettings(opts).now
	topics := topic.NewMemory(topic.WithMemoryClock(now))
	a = New(Stores{
		Connections: conn.NewMemory(conn.WithClock(now), conn.WithEnded(whenEnded(api, &a))),
		Log:         topics,
		Values:      topics,
		Keys:        apikey.NewMemory(),
		Tickets:     authz.NewMemoryTickets(authz.WithClock(now)),
		Limits:      ratelimit.NewMemory(ratelimit.WithClock(now)),
	}, api, opts...)
	return a
}

// NewOnTable returns an app with its state in a table that dynamo.DB.CreateTable has made. Any
// number of processes may share the table. NewOnTable makes no request, and fails if the table's
// name is empty. Connections that have ended without a trace are found by a sweep, which
// [App.Handler] does on the schedule "sweep".
func NewOnTable(client *dynamodb.Client, table string, api gatesock.ConnectionsAPI, opts ...Option) (*App, error) {
	if table == "" {
		return nil, errors.New("iot: the table name must not be empty")
	}
	var a *App
	db := dynamo.Open(client, table, dynamo.WithEnded(whenEnded(api, &a)))
	a = New(Stores{db.Connections(), db.Topics(), db.Topics(), db.APIKeys(), db.Tickets(), db.Buckets()}, api, opts...)
	a.sweeper = sweep.New(db, sweep.ProbeOf(api), sweep.WithCloser(api))
	return a, nil
}

// whenEnded returns the function of a store for an app that is made after it.
func whenEnded(api gatesock.ConnectionsAPI, app **App) conn.EndedFunc {
	return conn.CloseExpired(api, func(ctx context.Context, c conn.Conn, cause conn.EndCause) {
		(*app).Ended(ctx, c, cause)
	})
}
