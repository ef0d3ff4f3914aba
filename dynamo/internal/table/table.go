package table

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/internal/panics"
)

// API is what the package calls; it is the same as dynamo.API, which documents it.
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

// Table is one namespace of a table, and how it is used. It is not changed once it is in use.
type Table struct {
	API         API
	Name        string
	Prefix      string // of every partition key; see Prefix
	Clock       func() time.Time
	Concurrency int                             // of Each
	Backoff     func(attempt int) time.Duration // before the next attempt
}

// Now returns the time in whole seconds, as expiries are kept. An item that expires at a second
// exists until that second begins.
func (t *Table) Now() int64 { return t.Clock().Unix() }

// Each calls f for the numbers from 0 to n-1, up to Concurrency of them at the same time, and
// returns when all calls have returned. An error does not keep the others from being tried; the
// end of ctx does. Each returns the first error and how many there are. A panic is raised again,
// as a [*panics.Error] with its stack.
func (t *Table) Each(ctx context.Context, n int, f func(i int) error) error {
	if n == 1 {
		return f(0)
	}
	var o outcome
	slots := make(chan struct{}, t.Concurrency)
	var calls sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		if err := Ended(ctx); err != nil {
			o.fail(err, n-i)
			break
		}
		calls.Go(func() {
			defer func() { <-slots }()
			o.try(i, f)
		})
	}
	calls.Wait()
	return o.err()
}

// outcome collects the results of several calls.
type outcome struct {
	mu       sync.Mutex
	first    error
	failed   int
	panicked *panics.Error
}

func (o *outcome) try(i int, f func(i int) error) {
	err := panics.Try("dynamo: panic during a request", func() error { return f(i) })
	if p := (*panics.Error)(nil); errors.As(err, &p) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.panicked = p
		return
	}
	if err != nil {
		o.fail(err, 1)
	}
}

func (o *outcome) fail(err error, calls int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.first == nil {
		o.first = err
	}
	o.failed += calls
}

// err is called when all calls have returned.
func (o *outcome) err() error {
	switch {
	case o.panicked != nil:
		panic(o.panicked)
	case o.failed > 1:
		return fmt.Errorf("%w (and %d more)", o.first, o.failed-1)
	default:
		return o.first
	}
}
