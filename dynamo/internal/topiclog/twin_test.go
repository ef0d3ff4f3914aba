package topiclog

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// twin is a table in memory that answers what a Log asks for, for tests in virtual time. The tests
// of package dynamo use DynamoDB Local for everything but time.
type twin struct {
	table.API
	latency time.Duration // of a request there and back, on average

	mu     sync.Mutex
	items  map[string]map[string]table.Item
	writes int
	reads  int
	// fault is asked before each write. It may return an error, or wait.
	fault func(ctx context.Context, writes int) error
}

func newTwin() *twin { return &twin{items: make(map[string]map[string]table.Item)} }

func (w *twin) log() *Log {
	return New(&table.Table{API: w, Name: "twin", Clock: time.Now, Concurrency: 4, Backoff: table.FullJitter})
}

// half returns how long a request takes in one direction: half of the latency, give or take a half
// of that.
func (w *twin) half() time.Duration {
	if w.latency == 0 {
		return 0
	}
	return w.latency/4 + rand.N(w.latency/2) //nolint:gosec // no secret
}

// travel waits as long as a request does, and calls f in the middle.
func (w *twin) travel(ctx context.Context, f func()) error {
	for _, half := range []bool{true, false} {
		select {
		case <-time.After(w.half()):
		case <-ctx.Done():
			return ctx.Err()
		}
		if half {
			w.mu.Lock()
			f()
			w.mu.Unlock()
		}
	}
	return nil
}

func (w *twin) at(key table.Item) table.Item {
	id := idOf(key)
	return w.items[id[0]][id[1]]
}

func (w *twin) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	out := new(dynamodb.GetItemOutput)
	return out, w.travel(ctx, func() {
		w.reads++
		out.Item = w.at(in.Key)
	})
}

func (w *twin) Query(
	ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	out := new(dynamodb.QueryOutput)
	value := func(name string) string {
		s, _ := table.GetText(in.ExpressionAttributeValues, name)
		return s
	}
	return out, w.travel(ctx, func() {
		w.reads++
		var found []string
		for sort := range w.items[value(":pk")] {
			if value(":first") <= sort && sort <= value(":last") {
				found = append(found, sort)
			}
		}
		slices.Sort(found)
		if !*in.ScanIndexForward {
			slices.Reverse(found)
		}
		for _, sort := range found[:min(len(found), int(*in.Limit))] {
			out.Items = append(out.Items, w.items[value(":pk")][sort])
		}
		if len(found) > int(*in.Limit) {
			out.LastEvaluatedKey = table.Item{"pk": table.Text("more")}
		}
	})
}

// holds reports whether an item meets one of the conditions of a Log.
func (w *twin) holds(there table.Item, condition *string, values table.Item) bool {
	switch c := aws.ToString(condition); {
	case c == absent, strings.HasPrefix(c, absent+" OR"):
		return there == nil
	default:
		epoch, _ := table.GetText(there, attrEpoch)
		want, _ := table.GetText(values, ":epoch")
		return epoch == want
	}
}

func (w *twin) put(it table.Item) {
	id := idOf(it)
	if w.items[id[0]] == nil {
		w.items[id[0]] = make(map[string]table.Item)
	}
	w.items[id[0]][id[1]] = it
}

func (w *twin) failed(ctx context.Context) error {
	w.mu.Lock()
	w.writes++
	n := w.writes
	w.mu.Unlock()
	if w.fault == nil {
		return nil
	}
	return w.fault(ctx, n)
}

func (w *twin) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options),
) (out *dynamodb.PutItemOutput, err error) {
	if err := w.failed(ctx); err != nil {
		return nil, err
	}
	var refused error
	err = w.travel(ctx, func() {
		if there := w.at(in.Item); !w.holds(there, in.ConditionExpression, in.ExpressionAttributeValues) {
			refused = &types.ConditionalCheckFailedException{Item: there}
			return
		}
		w.put(in.Item)
	})
	if err == nil {
		err = refused
	}
	return new(dynamodb.PutItemOutput), err
}

func (w *twin) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	if err := w.failed(ctx); err != nil {
		return nil, err
	}
	var refused error
	err := w.travel(ctx, func() {
		canceled := &types.TransactionCanceledException{}
		for _, write := range in.TransactItems {
			reason := types.CancellationReason{Code: aws.String("None")}
			there := w.at(write.Put.Item)
			if !w.holds(there, write.Put.ConditionExpression, write.Put.ExpressionAttributeValues) {
				reason = types.CancellationReason{Code: aws.String("ConditionalCheckFailed"), Item: there}
				refused = canceled
			}
			canceled.CancellationReasons = append(canceled.CancellationReasons, reason)
		}
		if refused == nil {
			for _, write := range in.TransactItems {
				w.put(write.Put.Item)
			}
		}
	})
	if err == nil {
		err = refused
	}
	return new(dynamodb.TransactWriteItemsOutput), err
}
