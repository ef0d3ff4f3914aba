package dynamo_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/meter"
	"github.com/gatesock/gatesock/internal/observing"
)

// measuring is a client whose meter does not see the requests that find out how large an item is:
// they are not those of a store, which have options.
type measuring struct {
	*meter.Meter

	client *dynamodb.Client
}

func (m measuring) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	if len(opts) == 0 {
		return m.client.GetItem(ctx, in)
	}
	return m.Meter.GetItem(ctx, in, opts...)
}

// toldCosts is told of calls, as by a test that wants to know what they cost.
type toldCosts struct {
	mu    sync.Mutex
	calls []string
	sum   observing.Units
}

func (c *toldCosts) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, observing.CallsKey{}, c)
}

// offTheBill returns the context for what an operation needs, but is not a part of it.
func offTheBill(ctx context.Context) context.Context {
	return context.WithValue(ctx, observing.CallsKey{}, nil)
}

func (c *toldCosts) BeginCall(_ context.Context, call observing.Call) (func(observing.Units), error) {
	return func(u observing.Units) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sum = c.sum.Plus(u)
		c.calls = append(c.calls, fmt.Sprintf("%s of %s: %v %v", call.Name, call.About, u.Write, u.Read))
	}, nil
}

func (c *toldCosts) Metering() bool { return true }
func (c *toldCosts) Over() bool     { return false }

func (c *toldCosts) total() units {
	c.mu.Lock()
	defer c.mu.Unlock()
	return units{c.sum.Write, c.sum.Read}
}

// A test that counts is told of each request with the kind of item, and what it has cost.
func TestRequestsAreTold(t *testing.T) {
	t.Parallel()
	s, c := newScene(t), new(toldCosts)
	ctx := c.in(t.Context())
	require.NoError(t, s.Put(ctx, conn.Conn{ID: id, User: "ann"}))
	require.ErrorIs(t, s.Put(ctx, conn.Conn{ID: id, User: "bob"}), conn.ErrExists)
	_, err := s.GetMany(ctx, []string{id})
	require.NoError(t, err)
	require.NoError(t, s.read(ctx, 0))
	require.ElementsMatch(t, []string{
		"PutItem of a connection: 1 0", "UpdateItem of members of a group: 1 0",
		"PutItem of a connection: 1 0", "BatchGetItem of a connection: 0 1",
		"Query of members of a group: 0 0",
	}, c.calls)
}
