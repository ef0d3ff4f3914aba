package chat

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
	"github.com/gatesock/gatesock/topic"
)

// NewInMemory returns a chat for one process, with its state in memory. Connections whose token has
// expired are closed when the next connection is registered.
func NewInMemory(api gatesock.ConnectionsAPI, opts ...Option) *App {
	ended, topics := topic.NewEnded(), topic.NewMemory()
	connections := conn.NewMemory(conn.WithEnded(conn.CloseExpired(api, ended.Func())))
	return New(Stores{connections, topics, topics, ended}, api, opts...)
}

// NewOnTable returns a chat with its connections, messages, renewed sign-ins and limits in a table
// that dynamo.DB.CreateTable has made. Any number of processes may share the table. NewOnTable
// makes no request, and fails if the table's name is empty.
//
// Connections whose token has expired receive nothing more. They are closed when the registry finds
// them, for example in a sweep, which [App.Handler] does on the schedule "sweep".
func NewOnTable(client *dynamodb.Client, table string, api gatesock.ConnectionsAPI, opts ...Option) (*App, error) {
	if table == "" {
		return nil, errors.New("chat: the table name must not be empty")
	}
	ended := topic.NewEnded()
	db := dynamo.Open(client, table, dynamo.WithEnded(conn.CloseExpired(api, ended.Func())))
	onTable := func(a *App) {
		a.access.renewals, a.limits.store = db.Renewals(), db.Buckets()
		a.sweeper = sweep.New(db, sweep.ProbeOf(api), sweep.WithCloser(api))
	}
	return New(Stores{db.Connections(), db.Topics(), db.Topics(), ended}, api, append([]Option{onTable}, opts...)...), nil
}
