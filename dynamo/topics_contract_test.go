package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/dynamotwin"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/topic/topictest"
)

// processes is how many processes use a log in the tests, beside those of a cold one.
const processes = 3

// topicHarness returns logs on DynamoDB, each in a namespace of its own.
func topicHarness(tb testing.TB) topictest.NewHarness {
	tb.Helper()
	client, table := dynamotest.Client(tb), dynamotest.Table(tb)
	return topicHarnessOf(tb, func() transactor { return client }, table)
}

// transactor is a table with transactions.
type transactor interface {
	dynamo.API
	dynamotwin.Transactor
}

func topicHarnessOf(tb testing.TB, tables func() transactor, table string) topictest.NewHarness {
	tb.Helper()
	return func(_ testing.TB, now func() time.Time) topictest.Harness {
		client, namespace := tables(), dynamotest.Namespace(tb)
		open := func(api dynamo.API) *dynamo.Topics {
			return dynamo.Open(api, table,
				dynamo.WithNamespace(namespace), dynamo.WithClock(now), dynamo.WithoutBackoff()).Topics()
		}
		h := topictest.Harness{
			MaxName: dynamo.MaxNameBytes, MaxData: 390 << 10,
			Lose: func(n int, meanwhile func()) (topic.Log, func() bool) {
				api := &oneLost{API: client, client: client, left: n, meanwhile: meanwhile}
				return open(api), api.hasLost
			},
			Delete: func(ctx context.Context, name string, p topic.Position) error {
				return deleteExpired(ctx, client, table, now().Unix(), key("@"+namespace+"#te#"+p.Epoch+"#"+name, sortOf(p.Offset)))
			},
		}
		for range processes {
			h.Logs = append(h.Logs, open(client))
		}
		h.Logs = append(h.Logs, cold(func() topic.Log { return open(client) }))
		return h
	}
}

// cold is a log of which each call is the first one of a process, which knows nothing.
type cold func() topic.Log

func (c cold) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	return c().Append(ctx, name, e)
}

func (c cold) Read(ctx context.Context, q topic.Query) (topic.Page, error) {
	return c().Read(ctx, q)
}

func (c cold) Moved(ctx context.Context, at []topic.At) ([]bool, error) { return c().Moved(ctx, at) }

func (c cold) Roll(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	return c().Roll(ctx, name, e)
}

// deleteExpired deletes an item as the time to live does.
func deleteExpired(
	ctx context.Context, client dynamo.API, table string, now int64, key map[string]types.AttributeValue,
) error {
	_, err := client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &table, Key: key,
		ConditionExpression:       ptr("exp <= :now"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":now": secondsOf(now)},
	})
	if refused := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &refused) {
		return nil
	}
	return err
}

// oneLost carries out its requests, and loses the answer of one: after so many others.
type oneLost struct {
	dynamo.API
	client    dynamotwin.Transactor
	meanwhile func()

	mu   sync.Mutex
	left int
	lost bool
}

func (l *oneLost) hasLost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// turn reports whether the answer of this request is the one to lose.
func (l *oneLost) turn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left--
	return l.left == 0
}

// carryOne makes a request.
func carryOne[In, Out any](
	ctx context.Context, l *oneLost, request func(context.Context, In, ...func(*dynamodb.Options)) (Out, error), in In,
	opts []func(*dynamodb.Options),
) (out Out, err error) {
	mine := l.turn()
	out, err = request(ctx, in, opts...)
	if !mine {
		return out, err
	}
	if l.meanwhile != nil {
		l.meanwhile()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = true
	var none Out
	return none, status(http.StatusInternalServerError)
}

func (l *oneLost) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	return carryOne(ctx, l, l.API.GetItem, in, opts)
}

func (l *oneLost) BatchGetItem(
	ctx context.Context, in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	return carryOne(ctx, l, l.API.BatchGetItem, in, opts)
}

func (l *oneLost) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	return carryOne(ctx, l, l.API.PutItem, in, opts)
}

func (l *oneLost) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	return carryOne(ctx, l, l.API.UpdateItem, in, opts)
}

func (l *oneLost) Query(
	ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	return carryOne(ctx, l, l.API.Query, in, opts)
}

func (l *oneLost) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, opts ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	return carryOne(ctx, l, l.client.TransactWriteItems, in, opts)
}

// The suite of package topictest, with several processes.
func TestTopicsKeepTheContract(t *testing.T) {
	t.Parallel()
	topictest.Run(t, topicHarness(t))
}

// TestTopicsAreAsTheModel has more sequences than DynamoDB Local has time for. In one of some 2,000
// the entry after a position is deleted while a later one can be read, and Moved is asked then.
func TestTopicsAreAsTheModel(t *testing.T) {
	t.Parallel()
	onTwin, onDynamoDB := 3000, 20
	if testing.Short() {
		onTwin, onDynamoDB = 100, 2
	}
	t.Run("in memory", func(t *testing.T) {
		t.Parallel()
		topictest.RunModel(t, topicHarnessOf(t, func() transactor { return dynamotwin.New() }, "twin"), onTwin)
	})
	t.Run("on DynamoDB", func(t *testing.T) {
		t.Parallel()
		client, table := dynamotest.Client(t), dynamotest.Table(t)
		topictest.RunModel(t, topicHarnessOf(t, func() transactor { return dynamotwin.Compare(client) }, table), onDynamoDB)
	})
}

func ptr[T any](v T) *T { return &v }

func secondsOf(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprint(n)}
}

func sortOf(offset int64) string { return fmt.Sprintf("%016d", offset) }
