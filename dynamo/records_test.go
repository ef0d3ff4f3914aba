package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
)

// inPages has a first page of one item.
type inPages struct{ dynamo.API }

func (p inPages) Scan(
	ctx context.Context, in *dynamodb.ScanInput, opts ...func(*dynamodb.Options),
) (*dynamodb.ScanOutput, error) {
	if in.ExclusiveStartKey == nil {
		first := *in
		first.Limit = aws.Int32(1)
		in = &first
	}
	return p.API.Scan(ctx, in, opts...)
}

func TestRecords(t *testing.T) {
	t.Parallel()
	now := testclock.Noon()
	client, name, namespace := dynamotest.Client(t), dynamotest.Table(t), dynamotest.Namespace(t)
	open := func(api dynamo.API, opts ...dynamo.Option) *dynamo.Connections {
		return dynamo.Open(api, name, append(opts, dynamo.WithNamespace(namespace),
			dynamo.WithClock(func() time.Time { return now }))...).Connections()
	}
	store := open(client)
	for i := range 5 {
		require.NoError(t, store.Put(t.Context(), conn.Conn{
			ID: fmt.Sprintf("c%d", i), User: "ann", Groups: []string{"room:1"}, Attributes: map[string]string{"n": "1"},
			ExpiresAt: now.Add(time.Hour),
		}))
	}
	require.NoError(t, store.Put(t.Context(), conn.Conn{ID: "old", ExpiresAt: now.Add(time.Minute)}))
	connected := now
	now = now.Add(10 * time.Minute)

	r, err := store.Record(t.Context(), "old")
	require.NoError(t, err, "an expired record is one")
	require.True(t, r.Expired(now))
	require.True(t, connected.Equal(r.SeenAt))
	_, err = store.Record(t.Context(), "none")
	require.ErrorIs(t, err, conn.ErrNotFound)
	_, err = store.Record(t.Context(), "")
	require.ErrorIs(t, err, conn.ErrInvalid)

	// An item of somebody else among the records.
	_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String(name),
		Item: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "@" + namespace + "#c#odd"}, "sk": &types.AttributeValueMemberS{Value: "c"},
		},
	})
	require.NoError(t, err)
	found := map[string]dynamo.Record{}
	malformed, pages := 0, 0
	for page, err := range open(inPages{client}).Records(t.Context()) {
		require.NoError(t, err)
		pages++
		malformed += page.Malformed
		for _, r := range page.Records {
			require.NotContains(t, found, r.ID)
			found[r.ID] = r
		}
	}
	require.Len(t, found, 6)
	require.Equal(t, 1, malformed)
	require.Greater(t, pages, 1)
	want, err := store.Get(t.Context(), "c3")
	require.NoError(t, err)
	require.Equal(t, want, found["c3"].Conn)

	for page := range open(client).Records(t.Context()) {
		require.NotEmpty(t, page)
		break
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	for _, err := range store.Records(ctx) {
		require.ErrorContains(t, err, "enough")
	}
}

func TestElsewhere(t *testing.T) {
	t.Parallel()
	now := testclock.Noon()
	client, name, namespace := dynamotest.Client(t), dynamotest.Table(t), dynamotest.Namespace(t)
	open := func(write int) *dynamo.Connections {
		return dynamo.Open(client, name, dynamo.WithNamespace(namespace),
			dynamo.WithClock(func() time.Time { return now }),
			dynamo.WithSharding(func(string) dynamo.Sharding { return dynamo.Sharding{Write: write} })).Connections()
	}
	for i := range 20 {
		require.NoError(t, open(1).Put(t.Context(), conn.Conn{
			ID: fmt.Sprintf("one%d", i), Groups: []string{"one"}, ExpiresAt: now.Add(time.Hour),
		}))
		require.NoError(t, open(8).Put(t.Context(), conn.Conn{
			ID: fmt.Sprintf("eight%d", i), Groups: []string{"eight"}, ExpiresAt: now.Add(time.Hour),
		}))
	}
	elsewhere := func(shards int, group string) bool {
		t.Helper()
		found, err := open(shards).Elsewhere(t.Context(), group)
		require.NoError(t, err)
		return found
	}
	require.False(t, elsewhere(1, "one"))
	require.False(t, elsewhere(8, "one"))
	require.True(t, elsewhere(1, "eight"))
	require.True(t, elsewhere(4, "eight"))
	require.False(t, elsewhere(8, "eight"))
	require.False(t, elsewhere(1024, "eight"))
	require.False(t, elsewhere(1, "nobody"))
	now = now.Add(2 * time.Hour)
	require.False(t, elsewhere(1, "eight"), "what has expired does not count")
	_, err := open(1).Elsewhere(t.Context(), "")
	require.ErrorIs(t, err, conn.ErrInvalid)
}
