package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// MaxNameBytes is the longest connection id or group name: an id is a sort key, which has up to
// 1,024 bytes (Amazon DynamoDB Developer Guide, "Quotas"). A user's name may have 5 bytes less;
// see [conn.UserGroup].
const MaxNameBytes = 1024

// Connections is the registry of open connections and their groups: a [conn.Store]. It is safe for
// concurrent use. See [DB.Connections].
//
// A record of more than 400 KB is refused with [conn.ErrInvalid], and so are connection ids and
// group names longer than [MaxNameBytes].
type Connections struct {
	t        *table.Table
	reg      *registry.Registry
	sharding func(group string) Sharding
	pageSize int

	mu   sync.Mutex
	last int64 // the first version of the latest record
}

var _ conn.Store = (*Connections)(nil)

// Connections returns the registry of connections. It is the same each time.
func (db *DB) Connections() *Connections { return db.connections }

// Get returns the record of a connection; see [conn.Store]. It costs 1 read unit for each 4 KB of
// the record.
func (cs *Connections) Get(ctx context.Context, id string) (conn.Conn, error) {
	if err := check(ctx, "connection id", id); err != nil {
		return conn.Conn{}, err
	}
	r, err := cs.reg.GetRecord(ctx, id)
	if err != nil && !errors.Is(err, conn.ErrNotFound) {
		return conn.Conn{}, fmt.Errorf("dynamo: get connection %.100q: %w", id, err)
	}
	return r.Conn, err
}

// maxBatch is how many items one request asks for (Amazon DynamoDB API Reference, "BatchGetItem").
const maxBatch = 100

// GetMany returns the records of several connections; see [conn.Store]. It reads 100 in a request,
// several requests at the same time, and repeats the request for keys that DynamoDB leaves out. It
// costs as much as a Get of each, even of those that are not registered: 1 read unit for each 4 KB
// of a record.
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

// getBatch reads up to 100 records. Those that do not exist or have expired are left out.
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

// batch returns the items of records by their partition keys. It requests again what an answer
// leaves out, after a wait that becomes longer if several requests in a row have brought nothing.
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

// firstVersion returns the version that a new record begins with: even, and, as far as clocks
// agree, larger than those that an earlier record of the same id has come to. A version is twice a
// number of microseconds since 1970, and each join or leave adds 2; while the clock does not move,
// the process leaves room for a thousand.
func (cs *Connections) firstVersion() int64 {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.last = max(2*cs.t.Clock().UnixMicro(), cs.last+2048)
	return cs.last
}

// check is the first step of every operation on a connection or group.
func check(ctx context.Context, what, name string) error {
	if err := table.Ended(ctx); err != nil {
		return err
	}
	return checkName(what, name)
}

func checkName(what, name string) error {
	if err := conn.ValidateName(what, name); err != nil {
		return err
	}
	if len(name) > MaxNameBytes {
		return tooLong(what, len(name), MaxNameBytes)
	}
	return nil
}

func tooLong(what string, size, most int) error {
	return fmt.Errorf("%w: %s has %d bytes, the most is %d", conn.ErrInvalid, what, size, most)
}
