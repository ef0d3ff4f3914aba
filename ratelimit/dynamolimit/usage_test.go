package dynamolimit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/dynamotable"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/metering"
)

// unitCounter counts write units, and fails for one record.
type unitCounter struct {
	UsageAPI

	units, requests atomic.Int64
	fails           string
	invalid         string // is refused as DynamoDB refuses what it can never take
}

func (c *unitCounter) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	c.requests.Add(1)
	switch key := in.Key[dynamotable.SortKey].(*types.AttributeValueMemberS).Value; {
	case c.fails != "" && key == c.fails:
		return nil, errors.New("down")
	case c.invalid != "" && strings.HasPrefix(key, c.invalid):
		return nil, &smithy.GenericAPIError{Code: "ValidationException", Message: "Item size has exceeded the maximum allowed size"}
	}
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := c.UsageAPI.UpdateItem(ctx, in, o...)
	if err == nil {
		c.units.Add(int64(*out.ConsumedCapacity.CapacityUnits))
	}
	return out, err
}

func TestUsage(t *testing.T) {
	t.Parallel()
	api, table := &unitCounter{UsageAPI: dynamotest.Client(t)}, dynamotest.Table(t)
	u, err := NewUsageStore(api, table, dynamotest.Namespace(t))
	require.NoError(t, err)
	day := testclock.Noon().Add(11 * time.Hour)
	today := day.Format(time.DateOnly)
	var records []metering.Record
	for i := range 40 {
		records = append(records, metering.Record{Day: today, Kind: "key", Name: fmt.Sprintf("k%02d#x", i), Connections: 1, Messages: int64(i)})
	}
	left, rejected, err := u.Add(t.Context(), records)
	require.NoError(t, err)
	require.Empty(t, left)
	require.Empty(t, rejected)
	require.EqualValues(t, 40, api.units.Load(), "a write unit each")

	api.fails = "key#k00#x"
	left, rejected, err = u.Add(t.Context(), records[:2])
	require.ErrorContains(t, err, "down")
	require.Empty(t, rejected)
	require.Equal(t, records[:1], left)
	records[1].Connections, records[1].Messages = 2, 2
	got, err := u.Day(t.Context(), day)
	require.NoError(t, err)
	require.Equal(t, records, got)
	got, err = u.Day(t.Context(), day.Add(2*time.Hour))
	require.NoError(t, err)
	require.Empty(t, got)

	before := api.requests.Load()
	left, rejected, err = u.Add(t.Context(), []metering.Record{{Day: "today", Kind: "key", Name: "x"}})
	require.ErrorIs(t, err, ratelimit.ErrInvalid)
	require.Empty(t, left)
	require.Len(t, rejected, 1)
	require.Equal(t, before, api.requests.Load(), "it is not asked for what it can't take")
	_, err = dynamotest.Client(t).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
		dynamotable.PartitionKey: u.partition(today), dynamotable.SortKey: &types.AttributeValueMemberS{Value: "odd"},
	}})
	require.NoError(t, err)
	_, err = u.Day(t.Context(), day)
	require.ErrorContains(t, err, "usage of "+today+": ratelimit: invalid: the item has no number c")
	_, err = NewUsageStore(api, "", "")
	require.ErrorContains(t, err, "empty")
	_, err = NewUsageStore(api, "t", "#")
	require.ErrorContains(t, err, "namespace")
	require.Panics(t, func() { _, _ = NewUsageStore(nil, "t", "") })
}

// A hundred records that the table can never take cost a request each, once; the messages after them write what they should.
func TestRecordsThatTheTableRefuses(t *testing.T) {
	t.Parallel()
	api := &unitCounter{UsageAPI: dynamotest.Client(t), invalid: "sender#bad"}
	store, err := NewUsageStore(api, dynamotest.Table(t), dynamotest.Namespace(t))
	require.NoError(t, err)
	now := testclock.Noon()
	u := metering.NewMeter(store, metering.WithClock(func() time.Time { return now }), metering.WithFlushTimeout(time.Hour),
		metering.WithLogger(slog.New(slog.DiscardHandler)))
	by := ratelimit.ByFunc("sender", func(req *gatesock.Request) string { return req.ConnectionID })
	handler := u.Middleware(by)(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	send := func(from string) {
		_, err := handler(t.Context(), &gatesock.Request{EventType: gatesock.EventMessage, ConnectionID: from})
		require.NoError(t, err)
	}
	for i := range 100 {
		send(fmt.Sprint("bad", i))
	}
	for range 20 {
		send("ann")
	}
	now = now.Add(10 * time.Second)
	send("ann")
	require.EqualValues(t, 100+1, api.requests.Load())
	require.EqualValues(t, 1, api.units.Load(), "one write unit for 21 messages")
	require.EqualValues(t, 100, u.Dropped())
	got, err := store.Day(t.Context(), now)
	require.NoError(t, err)
	require.Equal(t, []metering.Record{{Day: now.UTC().Format(time.DateOnly), Kind: "sender", Name: "ann", Messages: 21}}, got)
}
