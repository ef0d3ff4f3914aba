package table

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/internal/observing"
)

// withCapacity returns a copy of a request that asks what it costs.
func withCapacity(in any) any {
	const total = types.ReturnConsumedCapacityTotal
	switch in := in.(type) {
	case *dynamodb.GetItemInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.BatchGetItemInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.PutItemInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.UpdateItemInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.DeleteItemInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.QueryInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.ScanInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.TransactWriteItemsInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	}
	return in
}

// unitsBefore returns what a write costs if its condition does not hold, and a transaction in any
// case: DynamoDB does not tell (Amazon DynamoDB Developer Guide, "DynamoDB read and write
// operations": a write whose condition fails costs as much as one of the item that it met; "Amazon
// DynamoDB Transactions: How it works": two units for each unit). It reads the items, which counts
// nowhere. If it can't, their size is that of the smallest.
func (t *Table) unitsBefore(ctx context.Context, in any) (units float64) {
	switch in := in.(type) {
	case *dynamodb.PutItemInput:
		return t.sizeUnits(ctx, in.Item, 0)
	case *dynamodb.UpdateItemInput:
		return t.sizeUnits(ctx, in.Key, 0)
	case *dynamodb.DeleteItemInput:
		return t.sizeUnits(ctx, in.Key, 0)
	case *dynamodb.TransactWriteItemsInput:
		for _, w := range in.TransactItems {
			if w.Put != nil {
				units += 2 * t.sizeUnits(ctx, w.Put.Item, ItemSize(w.Put.Item))
			}
		}
	}
	return units
}

// sizeUnits returns the write units of the item with the key of another, which has at least so many
// bytes.
func (t *Table) sizeUnits(ctx context.Context, it Item, least int) float64 {
	key := Item{PartitionKey: it[PartitionKey], SortKey: it[SortKey]}
	out, err := t.API.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.Name, Key: key, ConsistentRead: aws.Bool(true)})
	if err == nil {
		least = max(least, ItemSize(out.Item))
	}
	return InUnits(least, 1024)
}

// unitsOf returns what a request has cost, by its answer.
func (t *Table) unitsOf(out any, err error, before float64) observing.Units {
	u := observing.Units{Known: true}
	if err != nil {
		var canceled *types.TransactionCanceledException
		if _, refused := Refused(err); refused || errors.As(err, &canceled) {
			u.Write = before
		}
		return u
	}
	switch out := out.(type) {
	case *dynamodb.GetItemOutput:
		u.Read = capacity(out.ConsumedCapacity)
	case *dynamodb.QueryOutput:
		u.Read = capacity(out.ConsumedCapacity)
	case *dynamodb.ScanOutput:
		u.Read = capacity(out.ConsumedCapacity)
	case *dynamodb.BatchGetItemOutput:
		for _, c := range out.ConsumedCapacity {
			u.Read += capacity(&c)
		}
	case *dynamodb.PutItemOutput:
		u.Write = capacity(out.ConsumedCapacity)
	case *dynamodb.UpdateItemOutput:
		u.Write = capacity(out.ConsumedCapacity)
	case *dynamodb.DeleteItemOutput:
		u.Write = capacity(out.ConsumedCapacity)
	case *dynamodb.TransactWriteItemsOutput:
		u.Write = before // DynamoDB Local 1.25.1 returns others for more than two items
	}
	return u
}

func capacity(c *types.ConsumedCapacity) float64 {
	if c == nil {
		return 0
	}
	return aws.ToFloat64(c.CapacityUnits)
}

// InUnits returns the units of a number of bytes, rounded up. An item that does not exist costs
// one, too.
func InUnits(bytes, of int) float64 {
	return math.Ceil(float64(max(bytes, 1)) / float64(of))
}

// ItemSize counts the bytes of an item (Amazon DynamoDB Developer Guide, "DynamoDB item sizes and
// formats").
func ItemSize(it Item) (sum int) {
	for name, v := range it {
		sum += len(name) + valueSize(v)
	}
	return sum
}

// valueSize counts the bytes of a value of a type that stores write.
func valueSize(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return (len(strings.Trim(v.Value, "0"))+1)/2 + 1
	case *types.AttributeValueMemberNS:
		sum := 0
		for _, number := range v.Value {
			sum += valueSize(&types.AttributeValueMemberN{Value: number})
		}
		return sum
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + ItemSize(v.Value)
	case *types.AttributeValueMemberL:
		sum := 3 + len(v.Value)
		for _, element := range v.Value {
			sum += valueSize(element)
		}
		return sum
	}
	return 1 // a boolean or null
}
