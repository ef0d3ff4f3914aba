package dynamo_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo"
)

// units are what requests cost: write and read request units.
type units struct{ Write, Read float64 }

func (u units) plus(v units) units { return units{u.Write + v.Write, u.Read + v.Read} }

// bill is what requests have cost.
type bill struct {
	// answered is what ReturnConsumedCapacity said. The answer to a write whose condition did not hold is an error,
	// which has no such figure: it counts as the documentation says.
	answered units
	// documented is reckoned from the items that the requests met and left, as the documentation says.
	documented units
}

// meter passes requests on and writes the bill. It reads what it needs for that from the same table, off the bill.
type meter struct {
	api  dynamo.API
	mu   sync.Mutex
	bill bill
}

var _ dynamo.API = (*meter)(nil)

// take gives the bill, and begins a new one.
func (m *meter) take() bill {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := m.bill
	m.bill = bill{}
	return taken
}

func (m *meter) add(b bill) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bill.answered = m.bill.answered.plus(b.answered)
	m.bill.documented = m.bill.documented.plus(b.documented)
}

func (m *meter) PutItem(ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (out *dynamodb.PutItemOutput, err error) {
	metered := *in
	metered.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	key := map[string]types.AttributeValue{"pk": in.Item["pk"], "sk": in.Item["sk"]}
	err = m.write(ctx, in.TableName, key, func() (*types.ConsumedCapacity, error) {
		if out, err = m.api.PutItem(ctx, &metered, opts...); err != nil {
			return nil, err
		}
		return out.ConsumedCapacity, nil
	})
	return out, err
}

func (m *meter) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (out *dynamodb.UpdateItemOutput, err error) {
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

func (m *meter) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (out *dynamodb.DeleteItemOutput, err error) {
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

// write bills a write by the larger of the item before and the item after; one whose condition did not hold by the item
// that it met (Amazon DynamoDB Developer Guide, "DynamoDB read and write operations").
func (m *meter) write(ctx context.Context, table *string, key map[string]types.AttributeValue, request func() (*types.ConsumedCapacity, error)) error {
	before, err := m.size(ctx, table, key)
	if err != nil {
		return err
	}
	consumed, err := request()
	if refused := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &refused) {
		cost := units{Write: inUnits(before, 1024)}
		m.add(bill{answered: cost, documented: cost})
	}
	if err != nil {
		return err
	}
	after, err := m.size(ctx, table, key)
	m.add(bill{
		answered:   units{Write: *consumed.CapacityUnits},
		documented: units{Write: inUnits(max(before, after), 1024)},
	})
	return err
}

func (m *meter) size(ctx context.Context, table *string, key map[string]types.AttributeValue) (int, error) {
	out, err := m.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return 0, err
	}
	return itemSize(out.Item), nil
}

func (m *meter) GetItem(ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	metered := *in
	metered.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.api.GetItem(ctx, &metered, opts...)
	if err == nil {
		m.read(out.ConsumedCapacity, itemSize(out.Item), in.ConsistentRead)
	}
	return out, err
}

// BatchGetItem bills each item by itself, and a key of none with a unit (Amazon DynamoDB API Reference, "BatchGetItem").
func (m *meter) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	metered := *in
	metered.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.api.BatchGetItem(ctx, &metered, opts...)
	if err != nil {
		return nil, err
	}
	var b bill
	for table, asked := range in.RequestItems {
		for _, key := range asked.Keys {
			size, err := m.size(ctx, &table, key)
			if err != nil {
				return nil, err
			}
			b.documented.Read += inUnits(size, 4096)
		}
		if !aws.ToBool(asked.ConsistentRead) {
			b.documented.Read /= 2
		}
	}
	for _, consumed := range out.ConsumedCapacity {
		b.answered.Read += *consumed.CapacityUnits
	}
	m.add(b)
	return out, nil
}

func (m *meter) Query(ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
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

func (m *meter) Scan(ctx context.Context, in *dynamodb.ScanInput, opts ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
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

// read bills a read by all bytes that it went through, half if it is not strongly consistent (same page).
func (m *meter) read(consumed *types.ConsumedCapacity, bytes int, consistent *bool) {
	documented := inUnits(bytes, 4096)
	if !aws.ToBool(consistent) {
		documented /= 2
	}
	m.add(bill{
		answered:   units{Read: *consumed.CapacityUnits},
		documented: units{Read: documented},
	})
}

// inUnits rounds up. What is not there costs a unit, too.
func inUnits(bytes, of int) float64 {
	return math.Ceil(float64(max(bytes, 1)) / float64(of))
}

func itemsSize(items []map[string]types.AttributeValue) (sum int) {
	for _, it := range items {
		sum += itemSize(it)
	}
	return sum
}

// itemSize counts the bytes of an item (Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats").
func itemSize(it map[string]types.AttributeValue) (sum int) {
	for name, v := range it {
		sum += len(name) + valueSize(v)
	}
	return sum
}

func valueSize(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return (len(strings.Trim(v.Value, "0"))+1)/2 + 1
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + itemSize(v.Value)
	default:
		panic("an item has an attribute of a type that the store does not write")
	}
}
