package chat

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
)

// NewInMemory returns a chat for one process, with its state in memory. Connections whose token has
// expired are closed when the next connection is registered.
func NewInMemory(api gatesock.ConnectionsAPI, opts ...Option) *App {
	registry := new(departures)
	registry.Store = conn.NewMemory(conn.WithEnded(conn.CloseExpired(api, registry.ended)))
	return New(registry, NewMemoryHistory(), api, opts...)
}

// NewOnTable returns a chat with its connections, messages, renewed sign-ins and limits in a table
// that dynamo.DB.CreateTable has made. Any number of processes may share the table. NewOnTable
// makes no request, and fails if the table's name is empty.
//
// Connections whose token has expired receive nothing more. They are closed when the registry finds
// them, for example in a sweep, which [App.Handler] does on the schedule "sweep".
func NewOnTable(client *dynamodb.Client, table string, api gatesock.ConnectionsAPI, opts ...Option) (*App, error) {
	registry := new(departures)
	if table == "" {
		return nil, errors.New("chat: the table name must not be empty")
	}
	db := dynamo.Open(client, table, dynamo.WithEnded(conn.CloseExpired(api, registry.ended)))
	registry.Store = db.Connections()
	onTable := func(a *App) {
		a.access.renewals, a.limits.store = db.Renewals(), db.Buckets()
		a.sweeper = announcing{sweep.New(db, probe(api), sweep.WithCloser(api)), a}
	}
	return New(registry, NewTableHistory(client, table), api, append([]Option{onTable}, opts...)...), nil
}

// probe returns a function that asks API Gateway when a connection was active last.
func probe(api gatesock.ConnectionsAPI) sweep.Probe {
	return func(ctx context.Context, to gatesock.Target) (time.Time, error) {
		info, err := api.Info(ctx, to)
		return info.LastActiveAt, err
	}
}

// announcing is a sweeper that announces the departures that it has found.
type announcing struct {
	sweeper lambda.Handler
	app     *App
}

// Invoke sweeps once.
func (s announcing) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	report, err := s.sweeper.Invoke(ctx, event)
	s.app.announceDepartures(ctx, time.Now())
	return report, err
}
