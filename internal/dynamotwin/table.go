package dynamotwin

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item is an item of a table, or a part of one.
type Item = map[string]types.AttributeValue

// Key is the key of an item: the values of "pk" and "sk".
type Key struct{ Partition, Sort string }

// KeyOf returns the key of an item.
func KeyOf(it Item) Key {
	return Key{it["pk"].(*types.AttributeValueMemberS).Value, it["sk"].(*types.AttributeValueMemberS).Value}
}

// Table is a table with the keys "pk" and "sk", both strings, and the time-to-live attribute "exp".
// Items and their maps are never changed once they are in it. It is safe for concurrent use.
type Table struct {
	mu         sync.Mutex
	partitions map[string]*partition
}

// partition has the items of one partition key, and their sort keys in order.
type partition struct {
	items map[string]Item
	sorts []string
}

// New returns an empty table.
func New() *Table { return &Table{partitions: make(map[string]*partition)} }

func (t *Table) get(k Key) Item {
	if p := t.partitions[k.Partition]; p != nil {
		return p.items[k.Sort]
	}
	return nil
}

func (t *Table) put(k Key, it Item) {
	p := t.partitions[k.Partition]
	if p == nil {
		p = &partition{items: make(map[string]Item)}
		t.partitions[k.Partition] = p
	}
	if i, found := slices.BinarySearch(p.sorts, k.Sort); !found {
		p.sorts = slices.Insert(p.sorts, i, k.Sort)
	}
	p.items[k.Sort] = it
}

func (t *Table) remove(k Key) {
	p := t.partitions[k.Partition]
	if p == nil {
		return
	}
	if i, found := slices.BinarySearch(p.sorts, k.Sort); found {
		p.sorts = slices.Delete(p.sorts, i, i+1)
		delete(p.items, k.Sort)
	}
}

// Expired returns the keys of the items that have expired at a time, in order. DynamoDB deletes
// them later, in any order (Amazon DynamoDB Developer Guide, "Using time to live (TTL) in
// DynamoDB"); see [Table.Remove].
func (t *Table) Expired(now time.Time) []Key {
	t.mu.Lock()
	defer t.mu.Unlock()
	var expired []Key
	for name, p := range t.partitions {
		for sort, it := range p.items {
			if n, ok := it["exp"].(*types.AttributeValueMemberN); ok && whole(n.Value) <= now.Unix() {
				expired = append(expired, Key{name, sort})
			}
		}
	}
	slices.SortFunc(expired, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Sort, b.Sort))
	})
	return expired
}

func whole(number string) int64 {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		panic("dynamotwin: exp: " + err.Error())
	}
	return n
}

// Remove deletes an item, as the expiry of a table does.
func (t *Table) Remove(k Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(k)
}

// Items returns all items, in the order of their keys.
func (t *Table) Items() []Item {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Item
	for _, name := range slices.Sorted(maps.Keys(t.partitions)) {
		for _, sort := range t.partitions[name].sorts {
			all = append(all, t.partitions[name].items[sort])
		}
	}
	return all
}

// meets returns the item at a key, and an error if it does not meet a condition.
func (t *Table) meets(
	key Key, e expressions, condition *string, tell types.ReturnValuesOnConditionCheckFailure,
) (Item, error) {
	old := t.get(key)
	if condition == nil || e.holds(*condition, old) {
		return old, nil
	}
	refusal := &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed")}
	if tell == types.ReturnValuesOnConditionCheckFailureAllOld {
		refusal.Item = old
	}
	return old, refusal
}

// GetItem is that of a client.
func (t *Table) GetItem(
	_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	it := t.get(KeyOf(in.Key))
	return &dynamodb.GetItemOutput{Item: project(it, in.ProjectionExpression, in.ExpressionAttributeNames)}, nil
}

// BatchGetItem is that of a client. It processes all keys.
func (t *Table) BatchGetItem(
	_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]Item{}}
	for table, keys := range in.RequestItems {
		for _, key := range keys.Keys {
			if it := t.get(KeyOf(key)); it != nil {
				it = project(it, keys.ProjectionExpression, keys.ExpressionAttributeNames)
				out.Responses[table] = append(out.Responses[table], it)
			}
		}
	}
	return out, nil
}

// PutItem is that of a client.
func (t *Table) PutItem(
	_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, key := expressions{in.ExpressionAttributeNames, in.ExpressionAttributeValues}, KeyOf(in.Item)
	old, err := t.meets(key, e, in.ConditionExpression, in.ReturnValuesOnConditionCheckFailure)
	if err != nil {
		return nil, err
	}
	t.put(key, maps.Clone(in.Item))
	return &dynamodb.PutItemOutput{Attributes: returned(in.ReturnValues, old, nil, nil)}, nil
}

// DeleteItem is that of a client.
func (t *Table) DeleteItem(
	_ context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.DeleteItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, key := expressions{in.ExpressionAttributeNames, in.ExpressionAttributeValues}, KeyOf(in.Key)
	old, err := t.meets(key, e, in.ConditionExpression, in.ReturnValuesOnConditionCheckFailure)
	if err != nil {
		return nil, err
	}
	t.remove(key)
	return &dynamodb.DeleteItemOutput{Attributes: returned(in.ReturnValues, old, nil, nil)}, nil
}

// UpdateItem is that of a client.
func (t *Table) UpdateItem(
	_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, key := expressions{in.ExpressionAttributeNames, in.ExpressionAttributeValues}, KeyOf(in.Key)
	old, err := t.meets(key, e, in.ConditionExpression, in.ReturnValuesOnConditionCheckFailure)
	if err != nil {
		return nil, err
	}
	updated := t.update(key, e, in.Key, old, in.UpdateExpression)
	var targets [][]string
	if in.UpdateExpression != nil {
		targets = e.targets(*in.UpdateExpression)
	}
	return &dynamodb.UpdateItemOutput{Attributes: returned(in.ReturnValues, old, updated, targets)}, nil
}

// update changes an item, or makes one, and returns it.
func (t *Table) update(key Key, e expressions, in, old Item, expression *string) Item {
	if old == nil {
		old = maps.Clone(in)
	}
	if expression != nil {
		old = e.update(*expression, old)
	}
	t.put(key, old)
	return old
}

// returned is what a write answers.
func returned(values types.ReturnValue, old, updated Item, paths [][]string) Item {
	switch values {
	case types.ReturnValueAllOld:
		return old
	case types.ReturnValueAllNew:
		return updated
	case types.ReturnValueUpdatedOld:
		return only(old, paths)
	case types.ReturnValueUpdatedNew:
		return only(updated, paths)
	case types.ReturnValueNone:
	}
	return nil
}

// only returns what an item has at the paths, in the maps that lead there.
func only(it Item, paths [][]string) Item {
	some := Item{}
	for _, path := range paths {
		if v := at(it, path); v != nil {
			some = with(some, path, v, true)
		}
	}
	return some
}
