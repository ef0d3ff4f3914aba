// Package meter measures what requests cost, for the tests of costs.
package meter

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Units are what requests cost: write and read request units.
type Units struct{ Write, Read float64 }

func (u Units) plus(v Units) Units { return Units{u.Write + v.Write, u.Read + v.Read} }

// Bill is what requests have cost.
type Bill struct {
	// Answered is what ReturnConsumedCapacity returned. The answer to a write whose condition did
	// not hold is an error, which has no such figure: it counts as in Documented.
	Answered Units
	// Documented is computed, by the rules of the documentation, from the items that the requests
	// read and wrote.
	Documented Units
}

// Meter passes requests on and keeps the bill. It reads the items that it needs from the same
// table, off the bill. It is safe for concurrent use.
type Meter struct {
	api  table.API
	mu   sync.Mutex
	bill Bill
}

var _ table.API = (*Meter)(nil)

// New returns a Meter in front of a client.
func New(client table.API) *Meter { return &Meter{api: client} }

// Take returns the bill and begins a new one.
func (m *Meter) Take() Bill {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := m.bill
	m.bill = Bill{}
	return taken
}

func (m *Meter) add(b Bill) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bill.Answered = m.bill.Answered.plus(b.Answered)
	m.bill.Documented = m.bill.Documented.plus(b.Documented)
}

// PutItem passes the request on.
func (m *Meter) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options),
) (out *dynamodb.PutItemOutput, err error) {
	metered := *in
	metered.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	key := table.Item{"pk": in.Item["pk"], "sk": in.Item["sk"]}
	err = m.write(ctx, in.TableName, key, func() (*types.ConsumedCapacity, error) {
		if out, err = m.api.PutItem(ctx, &metered, opts...); err != nil {
			return nil, err
		}
		return out.ConsumedCapacity, nil
	})
	return out, err
}

// UpdateItem passes the request on.
func (m *Meter) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options),
) (out *dynamodb.UpdateItemOutput, err error) {
	metered := *in
	metered.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	err = m.write(ctx, in.TableName, in.Key, func() (*types.ConsumedCapacity, error) {
		if out, err = m.api.UpdateItem(ctx, &metered, opts...); err != nil {
			return nil, err
		}
		return out.ConsumedCapacity, nil
	})
	return out, err
}

// DeleteItem passes the request on.
func (m *Meter) DeleteItem(
	ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options),
) (out *dynamodb.DeleteItemOutput, err error) {
	metered := *in
	metered.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	err = m.write(ctx, in.TableName, in.Key, func() (*types.ConsumedCapacity, error) {
		if out, err = m.api.DeleteItem(ctx, &metered, opts...); err != nil {
			return nil, err
		}
		return out.ConsumedCapacity, nil
	})
	return out, err
}

// write bills a write by the larger of the items before and after it, and one whose condition did
// not hold by the item that it met (Amazon DynamoDB Developer Guide, "DynamoDB read and write
// operations").
func (m *Meter) write(
	ctx context.Context, tableName *string, key table.Item, request func() (*types.ConsumedCapacity, error),
) error {
	before, err := m.Size(ctx, tableName, key)
	if err != nil {
		return err
	}
	consumed, err := request()
	if refused := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &refused) {
		cost := Units{Write: table.InUnits(before, 1024)}
		m.add(Bill{Answered: cost, Documented: cost})
	}
	if err != nil {
		return err
	}
	after, err := m.Size(ctx, tableName, key)
	m.add(Bill{
		Answered:   Units{Write: *consumed.CapacityUnits},
		Documented: Units{Write: table.InUnits(max(before, after), 1024)},
	})
	return err
}

// TransactWriteItems passes the request on. A transaction costs two units for each unit of its
// items, also if it is canceled (Amazon DynamoDB Developer Guide, "Amazon DynamoDB Transactions:
// How it works"). The answer to one that is canceled has no figure, and DynamoDB Local 1.25.1
// returns others for more than two items: both count as in Documented.
func (m *Meter) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, opts ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	client, ok := m.api.(table.Transactor)
	if !ok {
		return nil, fmt.Errorf("meter: %T has no transactions", m.api)
	}
	var cost Units
	for _, w := range in.TransactItems {
		if w.Put == nil {
			return nil, errors.New("meter: a transaction has something else than puts")
		}
		before, err := m.Size(ctx, w.Put.TableName, table.Item{"pk": w.Put.Item["pk"], "sk": w.Put.Item["sk"]})
		if err != nil {
			return nil, err
		}
		cost.Write += 2 * table.InUnits(max(before, table.ItemSize(w.Put.Item)), 1024)
	}
	metered := *in
	metered.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := client.TransactWriteItems(ctx, &metered, opts...)
	bill := Bill{Answered: cost, Documented: cost}
	if err == nil && len(in.TransactItems) <= 2 {
		bill.Answered = Units{}
		for _, consumed := range out.ConsumedCapacity {
			bill.Answered.Write += *consumed.CapacityUnits
		}
	}
	m.add(bill)
	return out, err
}

// Size returns the bytes of the item with a key, off the bill.
func (m *Meter) Size(ctx context.Context, tableName *string, key table.Item) (int, error) {
	out, err := m.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: tableName, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return 0, err
	}
	return table.ItemSize(out.Item), nil
}

// GetItem passes the request on.
func (m *Meter) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	metered := *in
	metered.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.api.GetItem(ctx, &metered, opts...)
	if err == nil {
		m.read(out.ConsumedCapacity, table.ItemSize(out.Item), in.ConsistentRead)
	}
	return out, err
}

// BatchGetItem bills each item by itself, and a key without an item as one unit (Amazon DynamoDB
// API Reference, "BatchGetItem").
func (m *Meter) BatchGetItem(
	ctx context.Context, in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	metered := *in
	metered.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.api.BatchGetItem(ctx, &metered, opts...)
	if err != nil {
		return nil, err
	}
	var b Bill
	for name, asked := range in.RequestItems {
		for _, key := range asked.Keys {
			size, err := m.Size(ctx, &name, key)
			if err != nil {
				return nil, err
			}
			b.Documented.Read += table.InUnits(size, 4096)
		}
		if !aws.ToBool(asked.ConsistentRead) {
			b.Documented.Read /= 2
		}
	}
	for _, consumed := range out.ConsumedCapacity {
		b.Answered.Read += *consumed.CapacityUnits
	}
	m.add(b)
	return out, nil
}

// Query passes the request on.
func (m *Meter) Query(
	ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	whole := *in
	whole.ProjectionExpression, whole.FilterExpression = nil, nil
	all, err := m.api.Query(ctx, &whole)
	if err != nil {
		return nil, err
	}
	metered := *in
	metered.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.api.Query(ctx, &metered, opts...)
	if err == nil {
		m.read(out.ConsumedCapacity, itemsSize(all.Items), in.ConsistentRead)
	}
	return out, err
}

// Scan passes the request on.
func (m *Meter) Scan(
	ctx context.Context, in *dynamodb.ScanInput, opts ...func(*dynamodb.Options),
) (*dynamodb.ScanOutput, error) {
	whole := *in
	whole.ProjectionExpression, whole.FilterExpression = nil, nil
	whole.ExpressionAttributeNames, whole.ExpressionAttributeValues = nil, nil
	all, err := m.api.Scan(ctx, &whole)
	if err != nil {
		return nil, err
	}
	metered := *in
	metered.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.api.Scan(ctx, &metered, opts...)
	if err == nil {
		m.read(out.ConsumedCapacity, itemsSize(all.Items), in.ConsistentRead)
	}
	return out, err
}

// read bills a read by all bytes that it processed, half of that if it is eventually consistent
// (same page).
func (m *Meter) read(consumed *types.ConsumedCapacity, bytes int, consistent *bool) {
	documented := table.InUnits(bytes, 4096)
	if !aws.ToBool(consistent) {
		documented /= 2
	}
	m.add(Bill{
		Answered:   Units{Read: *consumed.CapacityUnits},
		Documented: Units{Read: documented},
	})
}

func itemsSize(items []table.Item) (sum int) {
	for _, it := range items {
		sum += table.ItemSize(it)
	}
	return sum
}
