package dynamoconn

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/dynamotable"
)

// maxBatch is how many items one request asks for (Amazon DynamoDB API Reference, "BatchGetItem").
const maxBatch = 100

// errUnprocessed is what DynamoDB means by keys that it has not processed: it had no capacity for them, or the answer no
// room.
var errUnprocessed = errors.New("DynamoDB has not processed all keys")

// GetMany returns the records of several connections; see [conn.Store]. It reads 100 in a request, several requests at
// the same time, and asks again for what DynamoDB leaves out. It costs what a Get of each would, also for those that are
// not registered: 1 read unit for each 4 KB of a record.
func (s *Store) GetMany(ctx context.Context, ids []string) ([]conn.Conn, error) {
	if err := refuse(ctx); err != nil {
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
	err := s.each(ctx, len(batches), func(i int) (err error) {
		found[i], err = s.getBatch(ctx, batches[i])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("dynamoconn: get %d connections: %w", len(order), err)
	}
	return slices.Concat(found...), nil
}

// getBatch reads up to 100 records. Those that are not there, or have expired, are left out.
func (s *Store) getBatch(ctx context.Context, ids []string) ([]conn.Conn, error) {
	items, err := s.batch(ctx, ids)
	if err != nil {
		return nil, err
	}
	now := s.now()
	var found []conn.Conn
	for _, id := range ids {
		it, ok := items[s.connectionPrefix()+id]
		if !ok {
			continue
		}
		r, err := decodeRecord(id, it)
		if err != nil {
			return nil, fmt.Errorf("connection %.100q: %w", id, err)
		}
		if !r.expired(now) {
			found = append(found, r.Conn)
		}
	}
	return found, nil
}

// batch returns the items of records by their partition keys. What a request leaves out is asked for again after
// a wait: that after a first attempt that was throttled, and a longer one if several requests in a row brought nothing.
func (s *Store) batch(ctx context.Context, ids []string) (map[string]item, error) {
	keys := make([]item, len(ids))
	for i, id := range ids {
		keys[i] = s.connectionKey(id)
	}
	items := make(map[string]item, len(ids))
	for idle := 0; len(keys) > 0; {
		out, _, err := do(ctx, s, s.api.BatchGetItem, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{s.table: {Keys: keys, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil {
			return nil, err
		}
		var left []item
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
		if err := s.pause(ctx, idle); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// collect puts the items of an answer, which are of one table, under their partition keys.
func collect(items map[string]item, responses map[string][]item) error {
	for _, list := range responses {
		for _, it := range list {
			pk, err := getText(it, dynamotable.PartitionKey)
			if err != nil {
				return err
			}
			items[pk] = it
		}
	}
	return nil
}

// pause waits before keys are asked for again that so many requests in a row brought nothing of.
func (s *Store) pause(ctx context.Context, idle int) error {
	switch {
	case idle == maxAttempts:
		return &requestError{s.table, true, fmt.Errorf("%w in %d attempts", errUnprocessed, idle)}
	case !wait(ctx, s.backoff(max(idle, 1))):
		return s.describe(ctx, attempts{made: max(idle, 1)}, fmt.Errorf("no time is left for another attempt: %w", errUnprocessed))
	}
	return nil
}
