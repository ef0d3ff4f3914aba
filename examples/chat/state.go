package chat

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz/dynamoauth"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/ratelimit/dynamolimit"
)

// NewInMemory returns a chat of one process, which forgets everything when it ends. A newcomer has those closed whose token has
// ended.
func NewInMemory(api gatesock.ConnectionsAPI, opts ...Option) *App {
	registry := new(departures)
	registry.Store = conn.NewMemory(conn.WithEnded(conn.CloseExpired(api, registry.expired)))
	return New(registry, NewMemoryHistory(), api, opts...)
}

// NewOnTable returns a chat whose connections, messages, renewed sign-ins and limits are in a table that dynamo.DB.CreateTable has made. Any
// number of processes may share it. It sends nothing, and fails if the table's name is empty. Those whose token has ended are closed
// where the registry comes across them, as in a sweep; until then they hear nothing.
func NewOnTable(client *dynamodb.Client, table string, api gatesock.ConnectionsAPI, opts ...Option) (*App, error) {
	registry := new(departures)
	if table == "" {
		return nil, errors.New("chat: the table name must not be empty")
	}
	db := dynamo.Open(client, table, dynamo.WithEnded(conn.CloseExpired(api, registry.expired)))
	registry.Store = db.Connections()
	renewals, err := dynamoauth.New(client, table)
	if err != nil {
		return nil, err
	}
	buckets, err := dynamolimit.New(client, table)
	if err != nil {
		return nil, err
	}
	onTable := func(a *App) { a.access.renewals, a.limits.store = renewals, buckets }
	return New(registry, NewTableHistory(client, table), api, append([]Option{onTable}, opts...)...), nil
}
