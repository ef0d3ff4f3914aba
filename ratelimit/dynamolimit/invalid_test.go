package dynamolimit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

// A bucket, a count or a plan that somebody has broken in the table is no failure of the table: nothing is let through for it.
func TestItemsThatAreBrokenOpenNothing(t *testing.T) {
	t.Parallel()
	client, table, namespace := dynamotest.Client(t), dynamotest.Table(t), dynamotest.Namespace(t)
	now := testclock.Noon()
	s, err := New(client, table, WithNamespace(namespace), WithClock(func() time.Time { return now }), WithTimeout(time.Hour))
	require.NoError(t, err)
	silent := ratelimit.WithLogger(slog.New(slog.DiscardHandler))
	quota := ratelimit.Quota{Max: 5, Per: ratelimit.Day}
	start, _ := quota.Window(now)
	for sortKey, l := range map[string]*ratelimit.Limiter{
		bucketKey: ratelimit.New(s, "messages", ratelimit.Limit{Rate: 1, Burst: 5}, ratelimit.FailOpen, silent),
		fmt.Sprintf("q#%d", start.Unix()): ratelimit.NewQuota(s, "day", quota, ratelimit.FailOpen, silent,
			ratelimit.WithClock(func() time.Time { return now })),
	} {
		key := "messages#k"
		if sortKey != bucketKey {
			key = "day#day#k"
		}
		item := s.key(key, sortKey)
		item[attrFull], item[attrCount] = &types.AttributeValueMemberS{Value: "soon"}, &types.AttributeValueMemberS{Value: "many"}
		_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item})
		require.NoError(t, err)
		for range 3 {
			d, err := l.Allow(t.Context(), "k", 1)
			require.ErrorIs(t, err, ratelimit.ErrInvalid, sortKey)
			require.False(t, d.Allowed)
		}
	}
	_, err = s.Take(t.Context(), strings.Repeat("k", maxKey+1), ratelimit.Limit{Rate: 1, Burst: 1}, 1)
	require.ErrorIs(t, err, ratelimit.ErrInvalid)
	require.Less(t, len(err.Error()), 300)
	_, err = s.Consume(t.Context(), "not\xffUTF-8", now, now.Add(time.Hour), 1, 1)
	require.ErrorIs(t, err, ratelimit.ErrInvalid)

	plans, err := NewPlanStore(client, table, namespace)
	require.NoError(t, err)
	item := plans.key("pro")
	item[attrPlan] = &types.AttributeValueMemberS{Value: "{"}
	_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item})
	require.NoError(t, err)
	_, err = plans.Plan(t.Context(), "pro")
	require.ErrorIs(t, err, ratelimit.ErrInvalid)
	require.NotErrorIs(t, err, plan.ErrNotFound)
}

// failing is a table that answers with an error.
type failing struct {
	API

	err error
}

func (f failing) UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return nil, f.err
}

// What a table refuses for good is a mistake; what it may take the next time is a failure. Keys are not logged in full.
func TestWhichErrorsAreMistakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err     error
		mistake bool
	}{
		"validation": {&smithy.GenericAPIError{Code: "ValidationException", Message: "no"}, true},
		"throttling": {&types.ProvisionedThroughputExceededException{}, false},
		"no table":   {&types.ResourceNotFoundException{}, false},
		"the link":   {errors.New("connection reset"), false},
	} {
		s, err := New(failing{err: c.err}, "t")
		require.NoError(t, err)
		long := strings.Repeat("k", 1000)
		_, err = s.Take(t.Context(), long, ratelimit.Limit{Rate: 1, Burst: 1}, 1)
		require.Equal(t, c.mistake, errors.Is(err, ratelimit.ErrInvalid), name)
		require.Less(t, len(err.Error()), 300, name)
		_, err = s.Consume(t.Context(), long, testclock.Noon(), testclock.Noon().Add(time.Hour), 1, 1)
		require.Equal(t, c.mistake, errors.Is(err, ratelimit.ErrInvalid), name)
		require.Less(t, len(err.Error()), 300, name)
	}
}
