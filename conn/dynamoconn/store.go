package dynamoconn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/dynamotable"
)

// MaxNameBytes is the most bytes that a connection id or the name of a group may have: an id is a sort key, of which
// DynamoDB takes 1,024 (Amazon DynamoDB Developer Guide, "Quotas"). A user has 5 fewer; see [conn.UserGroup].
const MaxNameBytes = 1024

// API is what a Store calls; [*dynamodb.Client] has it.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
}

// Store is a [conn.Store] in a DynamoDB table. It is safe for concurrent use. See [New].
//
// It retries what DynamoDB asks to have retried, and what failed on the way: up to 10 attempts a request, each of at
// most 3 seconds, with full jitter between them, and none that the context's deadline leaves no time for. The client's
// own retryer is not used. An error names the operation, the step that failed, and what may have been done.
//
// A record of more than 400 KB is refused with [conn.ErrInvalid], as are ids and names of groups above [MaxNameBytes].
type Store struct {
	api         API
	table       string
	prefix      string // of every partition key
	clock       func() time.Time
	shards      func(group string) Sharding
	pageSize    int
	concurrency int
	backoff     func(attempt int) time.Duration
	ended       conn.EndedFunc

	mu   sync.Mutex
	last int64 // the first version of the latest record
}

var _ conn.Store = (*Store)(nil)

// New returns a Store in a table that has the form that [CreateTable] gives it. It sends nothing. It fails if the
// table's name is empty, and panics if client is nil.
func New(client API, table string, opts ...Option) (*Store, error) {
	if client == nil {
		panic("dynamoconn: New with a nil client")
	}
	if table == "" {
		return nil, errors.New("dynamoconn: the table's name is empty")
	}
	s := &Store{
		api:         client,
		table:       table,
		clock:       time.Now,
		shards:      func(string) Sharding { return Sharding{} },
		pageSize:    defaultPageSize,
		concurrency: defaultConcurrency,
		backoff:     fullJitter,
	}
	for _, o := range opts {
		if err := o.apply(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// CreateTable makes a table for a [Store], with on-demand billing and expiry switched on, and returns when it can be
// used. A table that has the form already is left as it is, with expiry switched on; one of another form is an
// error. The caller needs the rights dynamodb:CreateTable, DescribeTable, DescribeTimeToLive and UpdateTimeToLive.
func CreateTable(ctx context.Context, client *dynamodb.Client, table string) error {
	if err := dynamotable.Create(ctx, client, table); err != nil {
		return fmt.Errorf("dynamoconn: create %w", err)
	}
	return nil
}

// now gives the time in whole seconds, as expiries are kept. A record that expires at a second is there until
// that second begins.
func (s *Store) now() int64 { return s.clock().Unix() }

// firstVersion gives the version that a new record begins with: even, and, as far as clocks agree, larger than those that an
// earlier record of the same id has come to. A version is twice a number of microseconds since 1970, and each join or leave
// adds 2; where the clock has not moved, the process leaves room for a thousand.
func (s *Store) firstVersion() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(2*s.clock().UnixMicro(), s.last+2048)
	return s.last
}
