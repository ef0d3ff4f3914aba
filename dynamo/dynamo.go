package dynamo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// API is what a [DB] calls; a [*dynamodb.Client] implements it. Each method is one IAM action on
// the table, such as dynamodb:GetItem. A role needs those of the features that its function uses;
// see the package documentation.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchGetItem(
		context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options),
	) (*dynamodb.BatchGetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
}

// DB is the table of an application, or one namespace of it. Its methods return the stores in it.
// It is safe for concurrent use. See [Open].
//
// DB retries requests that DynamoDB throttles or fails to answer: up to 10 attempts of at most 3
// seconds each, with full jitter between them, and none after the context's deadline. Without a
// deadline a request takes up to 35 seconds. It does not use the client's own retryer. The writes
// of [DB.Buckets] and [DB.Usage] are not repeated, since they count.
//
// An error names the operation and the table, the number of attempts if there were several, and
// whether something may have been written. It wraps the error of the last attempt.
type DB struct {
	holder      // package sweep gets at the registry by it
	t           *table.Table
	connections *Connections

	limitTimeout time.Duration
	bucketsOnce  sync.Once
	buckets      *buckets // made when it is first used, so that an app without limits does not link it

	topicsOnce sync.Once
	topics     *Topics // likewise
}

// holder is an alias so that the embedded field is not exported.
type holder = registry.Holder

// Open returns a DB for a table, which [DB.CreateTable] or template.json in this package's folder
// makes. It sends nothing. It panics if client is nil or tableName is empty. An option with an
// argument that is not valid panics, too.
func Open(client API, tableName string, opts ...Option) *DB {
	if client == nil {
		panic("dynamo: Open: client must not be nil")
	}
	if tableName == "" {
		panic("dynamo: Open: the table name must not be empty")
	}
	t := &table.Table{
		API:         client,
		Name:        tableName,
		Clock:       time.Now,
		Concurrency: defaultConcurrency,
		Backoff:     table.FullJitter,
	}
	reg := &registry.Registry{Table: t}
	db := &DB{holder: registry.Hold(reg), t: t, connections: &Connections{
		t:        t,
		reg:      reg,
		sharding: func(string) Sharding { return Sharding{} },
		pageSize: defaultPageSize,
	}}
	for _, o := range opts {
		if o == nil {
			panic("dynamo: Open: an option is nil")
		}
		o.apply(db)
	}
	return db
}

// CreateTable makes the table, with on-demand billing and expiry switched on, and returns when it
// can be used, which on AWS takes about 10 seconds. If the table exists, CreateTable switches
// expiry on; a table with other keys, or another expiry attribute, is an error. Several calls may
// run at the same time.
//
// The client that was passed to [Open] must be a [*dynamodb.Client], or have its methods
// CreateTable, DescribeTable, DescribeTimeToLive and UpdateTimeToLive. The caller needs the IAM
// actions of these names.
func (db *DB) CreateTable(ctx context.Context) error {
	creator, ok := db.t.API.(table.Creator)
	if !ok {
		return fmt.Errorf("dynamo: create table %q: the client, a %T, cannot create tables: pass a *dynamodb.Client to Open",
			db.t.Name, db.t.API)
	}
	if err := table.Create(ctx, creator, db.t.Name); err != nil {
		return fmt.Errorf("dynamo: create %w", err)
	}
	return nil
}
