package dynamolimit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/dynamotable"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/dynamolimit"
)

func TestUse(t *testing.T) {
	t.Parallel()
	m, c := &meter{API: dynamotest.Client(t)}, newClock()
	namespace := dynamotest.Namespace(t)
	s := newStore(t, m, namespace, c.skewed(0))
	start := c.skewed(0)()
	end := start.Add(24 * time.Hour)
	for i, step := range []struct {
		start      time.Time
		n, maximum int64
		want       ratelimit.Usage
	}{
		{start, 3, 5, ratelimit.Usage{Allowed: true, Total: 3}},
		{start, 3, 5, ratelimit.Usage{Total: 3}},
		{start, 2, 5, ratelimit.Usage{Allowed: true, Total: 5}},
		{start, 1, 5, ratelimit.Usage{Total: 5}},
		{start, 0, 5, ratelimit.Usage{Allowed: true, Total: 5}},
		{start, 1, 6, ratelimit.Usage{Allowed: true, Total: 6}}, // the quota was raised
		{start, 1, 2, ratelimit.Usage{Total: 6}},                // and lowered
		{end, 5, 5, ratelimit.Usage{Allowed: true, Total: 5}},
	} {
		got, err := s.Consume(t.Context(), "k", step.start, step.start.Add(24*time.Hour), step.n, step.maximum)
		require.NoError(t, err)
		require.Equal(t, step.want, got, "%+v", step)
		require.EqualValues(t, i+1, m.requests.Load())
	}
	require.EqualValues(t, 5, m.units.Load(), "a write unit each; those that are refused cost one too")
	require.EqualValues(t, 3, m.failed.Load())
	got, err := s.Consume(t.Context(), "k", start, end, 7, 6)
	require.NoError(t, err)
	require.False(t, got.Allowed)
	require.EqualValues(t, 8, m.requests.Load(), "what can never be is not asked for")

	item := key(namespace, "k")
	item[dynamotable.SortKey] = &types.AttributeValueMemberS{Value: fmt.Sprintf("q#%d", start.Unix())}
	out, err := dynamotest.Client(t).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: name(dynamotest.Table(t)), Key: item})
	require.NoError(t, err)
	require.Equal(t, &types.AttributeValueMemberN{Value: fmt.Sprint(end.Add(time.Hour).Unix() + 1)}, out.Item[dynamotable.Expiry])
}

// Processes at once, each of which reserves: all of a quota is used, none of it twice, and one write serves a whole reserve.
func TestAQuotaOfManyInstances(t *testing.T) {
	t.Parallel()
	m, c, namespace := &meter{API: dynamotest.Client(t)}, newClock(), dynamotest.Namespace(t)
	quota := ratelimit.Quota{Max: 503, Per: ratelimit.Day}
	var allowed atomic.Int64
	var wg sync.WaitGroup
	const instances, reserve = 16, 10
	for range instances {
		l := ratelimit.NewQuota(newStore(t, m, namespace, c.skewed(0)), "x", quota, ratelimit.FailClosed, ratelimit.WithBatchSize(reserve), ratelimit.WithClock(c.skewed(0)))
		wg.Go(func() {
			for d := (ratelimit.Decision{Allowed: true}); d.Allowed; {
				var err error
				if d, err = l.Allow(context.Background(), "k", 1); err != nil {
					t.Error(err)
				}
				if d.Allowed {
					allowed.Add(1)
				}
			}
			for range 1000 {
				if d, err := l.Allow(context.Background(), "k", 1); err != nil || d.Allowed {
					t.Error("it is used up", d, err)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, quota.Max, allowed.Load())
	require.LessOrEqual(t, m.requests.Load(), quota.Max/reserve+1+2*instances)
}

func TestUseFails(t *testing.T) {
	t.Parallel()
	s, err := dynamolimit.New(down{errors.New("no network")}, "t")
	require.NoError(t, err)
	_, err = s.Consume(t.Context(), "k", time.Now(), time.Now(), 1, 2)
	require.ErrorContains(t, err, `use 1 units of "k": no network`)
	_, err = s.Consume(t.Context(), "", time.Now(), time.Now(), 1, 2)
	require.ErrorContains(t, err, "the key")

	client, namespace := dynamotest.Client(t), dynamotest.Namespace(t)
	item := key(namespace, "k")
	item[dynamotable.SortKey] = &types.AttributeValueMemberS{Value: "q#0"}
	item["n"] = &types.AttributeValueMemberS{Value: "x"}
	_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: name(dynamotest.Table(t)), Item: item})
	require.NoError(t, err)
	_, err = newStore(t, client, namespace, time.Now).Consume(t.Context(), "k", time.Unix(0, 0), time.Now(), 1, 2)
	require.Error(t, err)
}
