package sweep_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo"
)

type fakeItem = map[string]types.AttributeValue

// fakeTable is a table in memory, for the virtual clock. It knows the expressions of DynamoDB that
// a Sweeper, Put and Delete use for records and for the progress, and panics at others. Of a
// membership it keeps only whether it exists. Items come in the order of a hash, as in DynamoDB.
type fakeTable struct {
	dynamo.API
	// before is called with the operation's name before it is carried out; an error takes its place.
	before func(ctx context.Context, operation string) error

	mu    sync.Mutex
	items map[[2]string]fakeItem
}

func newFakeTable() *fakeTable { return &fakeTable{items: make(map[[2]string]fakeItem)} }

func fakeKey(it fakeItem) [2]string {
	return [2]string{it["pk"].(*types.AttributeValueMemberS).Value, it["sk"].(*types.AttributeValueMemberS).Value}
}

func isMembership(key [2]string) bool { return strings.HasPrefix(key[0], "g#") }

func (f *fakeTable) enter(ctx context.Context, operation string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.before == nil {
		return nil
	}
	return f.before(ctx, operation)
}

func (f *fakeTable) get(pk, sk string) fakeItem {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.items[[2]string{pk, sk}])
}

func (f *fakeTable) put(it fakeItem) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.items[fakeKey(it)] = it
}

// under returns the partition keys that begin with a prefix.
func (f *fakeTable) under(prefix string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var keys []string
	for k := range f.items {
		if strings.HasPrefix(k[0], prefix) {
			keys = append(keys, k[0])
		}
	}
	slices.Sort(keys)
	return keys
}

func (f *fakeTable) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error,
) {
	if err := f.enter(ctx, "GetItem"); err != nil {
		return nil, err
	}
	key := fakeKey(in.Key)
	return &dynamodb.GetItemOutput{Item: f.get(key[0], key[1])}, nil
}

func (f *fakeTable) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error,
) {
	if err := f.enter(ctx, "PutItem"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := fakeKey(in.Item)
	if isMembership(key) {
		f.items[key] = maps.Clone(in.Item)
		return &dynamodb.PutItemOutput{}, nil
	}
	if err := fakeCheck(in.ConditionExpression, f.items[key], nil, in.ExpressionAttributeValues); err != nil {
		return nil, err
	}
	f.items[key] = maps.Clone(in.Item)
	return &dynamodb.PutItemOutput{}, nil
}

func (f *fakeTable) DeleteItem(
	ctx context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error,
) {
	if err := f.enter(ctx, "DeleteItem"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := fakeKey(in.Key)
	old := f.items[key]
	if !isMembership(key) {
		if err := fakeCheck(in.ConditionExpression, old, nil, in.ExpressionAttributeValues); err != nil {
			return nil, err
		}
	}
	delete(f.items, key)
	return &dynamodb.DeleteItemOutput{Attributes: old}, nil
}

func (f *fakeTable) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error,
) {
	if err := f.enter(ctx, "UpdateItem"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := fakeKey(in.Key)
	old := f.items[key]
	if isMembership(key) {
		f.items[key] = maps.Clone(in.Key)
		return &dynamodb.UpdateItemOutput{}, nil
	}
	names, values := in.ExpressionAttributeNames, in.ExpressionAttributeValues
	if err := fakeCheck(in.ConditionExpression, old, names, values); err != nil {
		return nil, err
	}
	updated := maps.Clone(old)
	if updated == nil {
		updated = maps.Clone(in.Key)
	}
	for set := range strings.SplitSeq(strings.TrimPrefix(*in.UpdateExpression, "SET "), ", ") {
		name, value, _ := strings.Cut(set, " = ")
		if alias, ok := in.ExpressionAttributeNames[name]; ok {
			name = alias
		}
		v, ok := in.ExpressionAttributeValues[value]
		if !ok {
			panic("fakeTable: update " + *in.UpdateExpression)
		}
		updated[name] = v
	}
	f.items[key] = updated
	return &dynamodb.UpdateItemOutput{Attributes: old}, nil
}

func (f *fakeTable) Scan(
	ctx context.Context, in *dynamodb.ScanInput, _ ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error,
) {
	if err := f.enter(ctx, "Scan"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(f.items), fakeOrder)
	if in.ExclusiveStartKey != nil {
		start := fakeKey(in.ExclusiveStartKey)
		i, found := slices.BinarySearchFunc(keys, start, fakeOrder)
		if found {
			i++
		}
		keys = keys[i:]
	}
	out := &dynamodb.ScanOutput{}
	for i, k := range keys {
		if i == int(*in.Limit) {
			last := keys[i-1]
			out.LastEvaluatedKey = fakeItem{"pk": stringValue(last[0]), "sk": stringValue(last[1])}
			break
		}
		if fakeHolds(*in.FilterExpression, f.items[k], nil, in.ExpressionAttributeValues) {
			out.Items = append(out.Items, maps.Clone(f.items[k]))
		}
	}
	return out, nil
}

func fakeOrder(a, b [2]string) int {
	return cmp.Or(cmp.Compare(fakeHash(a[0]), fakeHash(b[0])), cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
}

func fakeHash(key string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key)) // a hash never fails
	return h.Sum64() * 0x9e3779b97f4a7c15
}

func stringValue(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func numberValue(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprint(n)}
}

func fakeCheck(condition *string, it fakeItem, names map[string]string, values fakeItem) error {
	if condition == nil || fakeHolds(*condition, it, names, values) {
		return nil
	}
	return &types.ConditionalCheckFailedException{Message: aws.String("refused"), Item: maps.Clone(it)}
}

// fakeHolds evaluates a condition: alternatives of clauses, or of one BETWEEN, without parentheses
// except those of functions.
func fakeHolds(condition string, it fakeItem, names map[string]string, values fakeItem) bool {
	for alias, name := range names {
		condition = strings.ReplaceAll(condition, alias, name)
	}
	for alternative := range strings.SplitSeq(condition, " OR ") {
		if strings.Contains(alternative, " BETWEEN ") {
			alternative = strings.Replace(alternative, " AND ", " ", 1)
		}
		all := true
		for clause := range strings.SplitSeq(alternative, " AND ") {
			clause, not := strings.CutPrefix(clause, "NOT ")
			all = all && fakeHoldsClause(clause, it, values) != not
		}
		if all {
			return true
		}
	}
	return false
}

func fakeHoldsClause(clause string, it, values fakeItem) bool {
	f := strings.FieldsFunc(clause, func(r rune) bool { return strings.ContainsRune("(), ", r) })
	switch f[0] {
	case "attribute_exists":
		return it[f[1]] != nil
	case "attribute_not_exists":
		return it[f[1]] == nil
	case "begins_with":
		text := func(v types.AttributeValue) string { return v.(*types.AttributeValueMemberS).Value }
		return strings.HasPrefix(text(it[f[1]]), text(values[f[2]]))
	}
	order, ok := fakeCompare(it[f[0]], values[f[2]])
	switch f[1] {
	case "=":
		return ok && order == 0
	case "<=":
		return ok && order <= 0
	case "<":
		return ok && order < 0
	case ">":
		return ok && order > 0
	case "BETWEEN":
		high, _ := fakeCompare(it[f[0]], values[f[3]])
		return ok && order >= 0 && high <= 0
	}
	panic("fakeTable: condition " + clause)
}

// fakeCompare returns the order of two values of one type.
func fakeCompare(a, b types.AttributeValue) (int, bool) {
	switch b := b.(type) {
	case *types.AttributeValueMemberN:
		n, ok := a.(*types.AttributeValueMemberN)
		if !ok {
			return 0, false
		}
		x, _ := new(big.Int).SetString(n.Value, 10)
		y, _ := new(big.Int).SetString(b.Value, 10)
		return x.Cmp(y), true
	case *types.AttributeValueMemberS:
		s, ok := a.(*types.AttributeValueMemberS)
		return 0, ok && s.Value == b.Value // only equality is asked for
	case *types.AttributeValueMemberB:
		s, ok := a.(*types.AttributeValueMemberB)
		return 0, ok && bytes.Equal(s.Value, b.Value)
	}
	panic("fakeTable: a value of another type")
}
