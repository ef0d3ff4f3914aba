package dynamo

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// maxBatch is how many items one request asks for (Amazon DynamoDB API Reference, "BatchGetItem").
const maxBatch = 100

// GetMany returns the records of several connections; see [conn.Store]. It reads 100 in a request, several requests at
// the same time, and asks again for what DynamoDB leaves out. It costs what a Get of each would, also for those that are
// not registered: 1 read unit for each 4 KB of a record.
func (cs *Connections) GetMany(ctx context.Context, ids []string) ([]conn.Conn, error) {
	if err := table.Ended(ctx); err != nil {
		return nil, err
	}
	asked := make(map[string]bool, len(ids))
	order := make([]string, 0, len(ids))
	for _, id := range ids {
		if err := checkName("connection id", id); err != nil {
			return nil, err
		}
		if !asked[id] {
			asked[id] = true
			order = append(order, id)
		}
	}
	batches := slices.Collect(slices.Chunk(order, maxBatch))
	found := make([][]conn.Conn, len(batches))
	err := cs.t.Each(ctx, len(batches), func(i int) (err error) {
		found[i], err = cs.getBatch(ctx, batches[i])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("dynamo: get %d connections: %w", len(order), err)
	}
	return slices.Concat(found...), nil
}

// getBatch reads up to 100 records. Those that are not there, or have expired, are left out.
func (cs *Connections) getBatch(ctx context.Context, ids []string) ([]conn.Conn, error) {
	items, err := cs.batch(ctx, ids)
	if err != nil {
		return nil, err
	}
	now := cs.t.Now()
	var found []conn.Conn
	for _, id := range ids {
		it, ok := items[cs.t.ConnectionPrefix()+id]
		if !ok {
			continue
		}
		r, err := registry.DecodeRecord(id, it)
		if err != nil {
			return nil, fmt.Errorf("connection %.100q: %w", id, err)
		}
		if !r.Expired(now) {
			found = append(found, r.Conn)
		}
	}
	return found, nil
}

// batch returns the items of records by their partition keys. What a request leaves out is asked for again after
// a wait: that after a first attempt that was throttled, and a longer one if several requests in a row brought nothing.
func (cs *Connections) batch(ctx context.Context, ids []string) (map[string]table.Item, error) {
	keys := make([]table.Item, len(ids))
	for i, id := range ids {
		keys[i] = cs.t.ConnectionKey(id)
	}
	items := make(map[string]table.Item, len(ids))
	for idle := 0; len(keys) > 0; {
		out, _, err := table.Do(ctx, cs.t, cs.t.API.BatchGetItem, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{cs.t.Name: {Keys: keys, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil {
			return nil, err
		}
		var left []table.Item
		for _, unprocessed := range out.UnprocessedKeys { // of the one table
			left = append(left, unprocessed.Keys...)
		}
		if err := collect(items, out.Responses); err != nil {
			return nil, err
		}
		if idle++; len(left) < len(keys) {
			idle = 0
		}
		if keys = left; len(keys) == 0 {
			break
		}
		if err := cs.t.Pause(ctx, idle); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// collect puts the items of an answer, which are of one table, under their partition keys.
func collect(items map[string]table.Item, responses map[string][]table.Item) error {
	for _, list := range responses {
		for _, it := range list {
			pk, err := table.GetText(it, table.PartitionKey)
			if err != nil {
				return err
			}
			items[pk] = it
		}
	}
	return nil
}
