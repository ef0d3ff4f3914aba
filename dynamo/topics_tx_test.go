package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// shop publishes orders together with their items.
type shop struct {
	client    *dynamodb.Client
	table     string
	namespace string
	clock     *testclock.Clock
	log       *dynamo.Topics
	topics    *topic.Topics
}

func newShop(t *testing.T, api dynamo.API) *shop {
	t.Helper()
	s := &shop{
		client: dynamotest.Client(t), table: dynamotest.Table(t), namespace: dynamotest.Namespace(t),
		clock: testclock.New(testclock.Noon()),
	}
	if api == nil {
		api = s.client
	}
	s.log = process(t, api, s.namespace, s.clock)
	store := conn.NewMemory()
	s.topics = topic.New(s.log, store, broadcast.New(new(wstest.Recorder), store))
	return s
}

// order returns the write of an order that must be a new one.
func (s *shop) order(id string) types.TransactWriteItem {
	it := key("@"+s.namespace+"#order", id)
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &s.table, Item: it, ConditionExpression: aws.String("attribute_not_exists(pk)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}
}

func (s *shop) has(t *testing.T, id string) bool {
	t.Helper()
	out, err := s.client.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: &s.table, Key: key("@"+s.namespace+"#order", id), ConsistentRead: aws.Bool(true),
	})
	require.NoError(t, err)
	return out.Item != nil
}

func (s *shop) place(ctx context.Context, id string, opts ...topic.PublishOption) (topic.Position, error) {
	at, _, err := s.log.PublishTx(ctx, s.topics, "orders", "placed", id, []types.TransactWriteItem{s.order(id)}, opts...)
	return at, err
}

func TestPublishTx(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	for i, id := range []string{"a", "b"} {
		at, err := s.place(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, int64(i+1), at.Offset)
		require.True(t, s.has(t, id))
	}
	s.clock.Advance(9 * 24 * time.Hour) // another epoch begins
	at, err := s.place(t.Context(), "c", topic.WithKey("c"))
	require.NoError(t, err)
	require.Regexp(t, "^2-", at.Epoch)
	again, err := s.place(t.Context(), "c", topic.WithKey("c"))
	require.NoError(t, err, "the order exists, but it is the same publish")
	require.Equal(t, at, again)
	page, err := s.log.Read(t.Context(), topic.Query{Topic: "orders", Newest: 10})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
}

// TestPublishTxCanceled checks that the caller can tell which of its items was the cause, and that
// nothing was written.
func TestPublishTxCanceled(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	for _, begun := range []bool{false, true} {
		if begun {
			_, err := s.place(t.Context(), "there")
			require.NoError(t, err)
		} else {
			_, err := s.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &s.table, Item: s.order("there").Put.Item})
			require.NoError(t, err)
			defer func() { require.False(t, s.has(t, "new")) }()
		}
		items := []types.TransactWriteItem{s.order("new"), s.order("there")}
		for _, opts := range [][]topic.PublishOption{nil, {topic.WithKey("k")}} {
			at, _, err := s.log.PublishTx(t.Context(), s.topics, "orders", "placed", 1, items, opts...)
			var canceled *dynamo.CanceledError
			require.ErrorAs(t, err, &canceled)
			require.Zero(t, at)
			require.NotErrorIs(t, err, topic.ErrOutcome)
			require.Len(t, canceled.Reasons, 2)
			require.Equal(t, "None", aws.ToString(canceled.Reasons[0].Code))
			require.Equal(t, "ConditionalCheckFailed", aws.ToString(canceled.Reasons[1].Code))
			require.Equal(t, s.order("there").Put.Item, canceled.Reasons[1].Item)
			require.ErrorContains(t, err, `nothing was written: the caller's items canceled the transaction: item 1: ConditionalCheckFailed`)
		}
		if !begun {
			_, err := s.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
				TableName: &s.table, Key: key("@"+s.namespace+"#order", "there"),
			})
			require.NoError(t, err)
		}
	}
	page, err := s.log.Read(t.Context(), topic.Query{Topic: "orders", Newest: 10})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
}

// TestPublishTxLostAnswers loses the answer of each request, without a key and with one.
func TestPublishTxLostAnswers(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 5; n++ {
		api := &oneLost{API: dynamotest.Client(t), client: dynamotest.Client(t), left: n}
		s := newShop(t, api)
		for i := range 3 {
			at, err := s.place(t.Context(), fmt.Sprint(i))
			require.NoError(t, err)
			require.Equal(t, int64(i+1), at.Offset, "answer %d is lost", n)
		}
		require.True(t, api.hasLost())
	}
}

// TestPublishTxOutcome has an attempt that is lost, and a condition that does not hold at the
// second: the first may still arrive when it does.
func TestPublishTxOutcome(t *testing.T) {
	t.Parallel()
	client := dynamotest.Client(t)
	api := &dropping{API: client, client: client}
	s := newShop(t, api)
	_, err := s.place(t.Context(), "a")
	require.NoError(t, err)
	api.drops = 1
	at, err := s.place(t.Context(), "a")
	require.ErrorIs(t, err, topic.ErrOutcome)
	var canceled *dynamo.CanceledError
	require.ErrorAs(t, err, &canceled)
	require.Zero(t, at)
}

// dropping loses transactions before they arrive.
type dropping struct {
	dynamo.API
	client *dynamodb.Client
	drops  int
}

func (d *dropping) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, opts ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	if d.drops > 0 {
		d.drops--
		return nil, status(http.StatusInternalServerError)
	}
	return d.client.TransactWriteItems(ctx, in, opts...)
}

func TestPublishTxLimits(t *testing.T) {
	t.Parallel()
	s := newShop(t, nil)
	items := make([]types.TransactWriteItem, dynamo.MaxTxItems+1)
	for i := range items {
		items[i] = s.order(fmt.Sprint(i))
	}
	_, _, err := s.log.PublishTx(t.Context(), s.topics, "orders", "placed", 1, items)
	require.ErrorIs(t, err, topic.ErrInvalid)
	require.ErrorContains(t, err, "97 items: the most in a transaction with an entry is 96")
	_, _, err = s.log.PublishTx(t.Context(), s.topics, "orders", "placed", 1, items[:dynamo.MaxTxItems], topic.WithKey("k"))
	require.NoError(t, err)
	require.True(t, s.has(t, "95"))

	// Two writes of one item: DynamoDB takes no such transaction.
	_, _, err = s.log.PublishTx(t.Context(), s.topics, "orders", "placed", 1, []types.TransactWriteItem{s.order("x"), s.order("x")})
	require.ErrorContains(t, err, "nothing was written")
	require.NotErrorIs(t, err, topic.ErrOutcome)
}

// withoutTransactions is a client that wraps one of DynamoDB.
type withoutTransactions struct{ dynamo.API }

func TestTopicsNeedTransactions(t *testing.T) {
	t.Parallel()
	log := process(t, withoutTransactions{dynamotest.Client(t)}, dynamotest.Namespace(t), testclock.New(testclock.Noon()))
	_, err := log.Append(t.Context(), "room", spoken("a"))
	require.ErrorContains(t, err, "dynamo: append to topic \"room\": nothing was written: the client, a dynamo_test.withoutTransactions, "+
		"has no method TransactWriteItems: pass a *dynamodb.Client to Open")
	require.False(t, errors.Is(err, topic.ErrOutcome))
}
