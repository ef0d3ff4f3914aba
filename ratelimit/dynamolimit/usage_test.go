package dynamolimit

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/dynamotable"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/ratelimit"
)

// unitCounter counts write units, and fails for one record.
type unitCounter struct {
	UsageAPI

	units atomic.Int64
	fails string
}

func (c *unitCounter) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	if in.Key[dynamotable.SortKey].(*types.AttributeValueMemberS).Value == c.fails {
		return nil, errors.New("down")
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
	u, err := NewUsage(api, table, dynamotest.Namespace(t))
	require.NoError(t, err)
	day := testclock.Noon().Add(11 * time.Hour)
	today := day.Format(time.DateOnly)
	var records []ratelimit.UsageRecord
	for i := range 40 {
		records = append(records, ratelimit.UsageRecord{Day: today, Kind: "key", Name: fmt.Sprintf("k%02d#x", i), Connections: 1, Messages: int64(i)})
	}
	left, err := u.Add(t.Context(), records)
	require.NoError(t, err)
	require.Empty(t, left)
	require.EqualValues(t, 40, api.units.Load(), "a write unit each")

	api.fails = "key#k00#x"
	left, err = u.Add(t.Context(), records[:2])
	require.ErrorContains(t, err, "down")
	require.Equal(t, records[:1], left)
	records[1].Connections, records[1].Messages = 2, 2
	got, err := u.Day(t.Context(), day)
	require.NoError(t, err)
	require.Equal(t, records, got)
	got, err = u.Day(t.Context(), day.Add(2*time.Hour))
	require.NoError(t, err)
	require.Empty(t, got)

	left, err = u.Add(t.Context(), []ratelimit.UsageRecord{{Day: "today", Kind: "key", Name: "x"}})
	require.Error(t, err)
	require.Len(t, left, 1)
	_, err = dynamotest.Client(t).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
		dynamotable.PartitionKey: u.partition(today), dynamotable.SortKey: &types.AttributeValueMemberS{Value: "odd"},
	}})
	require.NoError(t, err)
	_, err = u.Day(t.Context(), day)
	require.ErrorContains(t, err, "usage of "+today+": ratelimit: invalid: the item has no number c")
	_, err = NewUsage(api, "", "")
	require.ErrorContains(t, err, "empty")
	_, err = NewUsage(api, "t", "#")
	require.ErrorContains(t, err, "namespace")
	require.Panics(t, func() { _, _ = NewUsage(nil, "t", "") })
}
