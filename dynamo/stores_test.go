package dynamo_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/internal/meter"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// openIn returns a DB of the tests' table in a namespace, as one process has it. Limits wait for as
// long as the test may take: DynamoDB Local is slow on a busy machine.
func openIn(tb testing.TB, api dynamo.API, namespace string, opts ...dynamo.Option) *dynamo.DB {
	tb.Helper()
	opts = append([]dynamo.Option{
		dynamo.WithNamespace(namespace), dynamo.WithLimitTimeout(time.Hour), dynamo.WithoutBackoff(),
	}, opts...)
	return dynamo.Open(api, dynamotest.Table(tb), opts...)
}

// stoppedAt returns an option for a clock that stands still.
func stoppedAt(now time.Time) dynamo.Option { return dynamo.WithClock(func() time.Time { return now }) }

// priced is a call and its price.
type priced struct {
	name  string
	call  func() error
	price meter.Units
	local meter.Units // of DynamoDB Local, if it is not the price
}

// requirePrices makes calls and requires their prices.
func requirePrices(t *testing.T, m *meter.Meter, calls ...priced) {
	t.Helper()
	for _, c := range calls {
		m.Take()
		require.NoError(t, c.call(), c.name)
		bill := m.Take()
		require.Equal(t, c.price, bill.Documented, c.name)
		if c.local == (meter.Units{}) {
			c.local = c.price
		}
		require.Equal(t, c.local, bill.Answered, c.name)
	}
}

// counted counts the requests that change or read one item, and those whose condition did not hold.
type counted struct {
	dynamo.API
	mu               sync.Mutex
	requests, failed int
}

func (c *counted) count(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	if err != nil {
		c.failed++
	}
}

func (c *counted) counts() (requests, failed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests, c.failed
}

func (c *counted) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	out, err := c.API.UpdateItem(ctx, in, opts...)
	c.count(err)
	return out, err
}

// canned answers every request with an item, or an error. It hangs if it has neither.
type canned struct {
	dynamo.API
	item attributes
	err  error
}

func (c canned) answer(ctx context.Context) error {
	if c.item == nil && c.err == nil {
		<-ctx.Done()
		return &smithy.CanceledError{Err: ctx.Err()}
	}
	return c.err
}

func (c canned) GetItem(
	ctx context.Context, _ *dynamodb.GetItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: c.item}, c.answer(ctx)
}

func (c canned) PutItem(
	ctx context.Context, _ *dynamodb.PutItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	return &dynamodb.PutItemOutput{}, c.answer(ctx)
}

func (c canned) UpdateItem(
	ctx context.Context, _ *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	return &dynamodb.UpdateItemOutput{Attributes: c.item}, c.answer(ctx)
}

func (c canned) DeleteItem(
	ctx context.Context, _ *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.DeleteItemOutput, error) {
	return &dynamodb.DeleteItemOutput{Attributes: c.item}, c.answer(ctx)
}

func (c canned) Query(
	ctx context.Context, _ *dynamodb.QueryInput, _ ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	return &dynamodb.QueryOutput{Items: []map[string]types.AttributeValue{c.item}}, c.answer(ctx)
}

// unheard loses the answer to one write: the first one, or that after some others. The write is
// carried out unless early is true.
type unheard struct {
	dynamo.API
	early     bool
	after     int    // so many writes are answered before
	meanwhile func() // is called after the loss, if it is not nil
	lost      bool
	writes    int
}

// unheardOnce returns a client that loses one answer, of a write that was carried out.
func unheardOnce(tb testing.TB) *unheard {
	tb.Helper()
	return &unheard{API: dynamotest.Client(tb)}
}

func (l *unheard) write(carryOut func() error) error {
	l.writes++
	if l.lost || l.writes <= l.after {
		return carryOut()
	}
	l.lost = true
	if !l.early {
		_ = carryOut() // what became of it is lost
	}
	if l.meanwhile != nil {
		l.meanwhile()
	}
	return &smithyhttp.RequestSendError{Err: errors.New("connection reset by peer")}
}

func (l *unheard) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options),
) (out *dynamodb.PutItemOutput, err error) {
	err = l.write(func() (err error) { out, err = l.API.PutItem(ctx, in, opts...); return err })
	return out, err
}

func (l *unheard) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options),
) (out *dynamodb.UpdateItemOutput, err error) {
	err = l.write(func() (err error) { out, err = l.API.UpdateItem(ctx, in, opts...); return err })
	return out, err
}

func (l *unheard) DeleteItem(
	ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options),
) (out *dynamodb.DeleteItemOutput, err error) {
	err = l.write(func() (err error) { out, err = l.API.DeleteItem(ctx, in, opts...); return err })
	return out, err
}

// putRaw writes an item as another program would.
func putRaw(t *testing.T, namespace, partition, sort string, values attributes) {
	t.Helper()
	it := key("@"+namespace+"#"+partition, sort)
	for name, v := range values {
		it[name] = v
	}
	table := dynamotest.Table(t)
	_, err := dynamotest.Client(t).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: it})
	require.NoError(t, err)
}

// getRaw reads an item.
func getRaw(t *testing.T, namespace, partition, sort string) attributes {
	t.Helper()
	table := dynamotest.Table(t)
	out, err := dynamotest.Client(t).GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: &table, Key: key("@"+namespace+"#"+partition, sort),
	})
	require.NoError(t, err)
	return out.Item
}

func numeral(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }

// A mistake in an option panics with the name of the option.
func TestLimitTimeoutPanics(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{0, -time.Second} {
		require.PanicsWithValue(t, "dynamo: WithLimitTimeout: d must be positive", func() { dynamo.WithLimitTimeout(d) })
	}
	require.Panics(t, func() { dynamo.WithNamespace(strings.Repeat("x", 256)) })
}
