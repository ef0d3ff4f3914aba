package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo"
)

// twinTable is a table in memory that answers what a Store asks for, but for scans, as DynamoDB
// does. That it does is not taken on trust: a compared table asks both. It is safe for concurrent
// use.
type twinTable struct {
	dynamo.API
	mu    sync.Mutex
	items map[[2]string]attributes
}

func twinKey(it attributes) [2]string {
	return [2]string{it["pk"].(*types.AttributeValueMemberS).Value, it["sk"].(*types.AttributeValueMemberS).Value}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func newTwinTable() *twinTable { return &twinTable{items: make(map[[2]string]attributes)} }

// meets returns the item at a key, and an error if that does not meet a condition.
func (t *twinTable) meets(
	key [2]string, e expressions, condition *string, tell types.ReturnValuesOnConditionCheckFailure) (attributes, error,
) {
	old := t.items[key]
	if condition == nil || e.holds(*condition, old) {
		return old, nil
	}
	refusal := &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed")}
	if tell == types.ReturnValuesOnConditionCheckFailureAllOld {
		refusal.Item = old
	}
	return old, refusal
}

func (t *twinTable) GetItem(
	_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error,
) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &dynamodb.GetItemOutput{Item: t.items[twinKey(in.Key)]}, nil
}

func (t *twinTable) BatchGetItem(
	_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error,
) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]attributes{}}
	for table, keys := range in.RequestItems {
		for _, key := range keys.Keys {
			if it := t.items[twinKey(key)]; it != nil {
				out.Responses[table] = append(out.Responses[table], it)
			}
		}
	}
	return out, nil
}

func (t *twinTable) PutItem(
	_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error,
) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, key := expressions{in.ExpressionAttributeNames, in.ExpressionAttributeValues}, twinKey(in.Item)
	old, err := t.meets(key, e, in.ConditionExpression, in.ReturnValuesOnConditionCheckFailure)
	if err != nil {
		return nil, err
	}
	t.items[key] = maps.Clone(in.Item)
	return &dynamodb.PutItemOutput{Attributes: returned(in.ReturnValues, old, nil, nil)}, nil
}

func (t *twinTable) DeleteItem(
	_ context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error,
) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, key := expressions{in.ExpressionAttributeNames, in.ExpressionAttributeValues}, twinKey(in.Key)
	old, err := t.meets(key, e, in.ConditionExpression, in.ReturnValuesOnConditionCheckFailure)
	if err != nil {
		return nil, err
	}
	delete(t.items, key)
	return &dynamodb.DeleteItemOutput{Attributes: returned(in.ReturnValues, old, nil, nil)}, nil
}

func (t *twinTable) UpdateItem(
	_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error,
) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, key := expressions{in.ExpressionAttributeNames, in.ExpressionAttributeValues}, twinKey(in.Key)
	old, err := t.meets(key, e, in.ConditionExpression, in.ReturnValuesOnConditionCheckFailure)
	if err != nil {
		return nil, err
	}
	if old == nil {
		old = maps.Clone(in.Key)
	}
	updated := e.update(*in.UpdateExpression, old)
	t.items[key] = updated
	attributes := returned(in.ReturnValues, old, updated, e.targets(*in.UpdateExpression))
	return &dynamodb.UpdateItemOutput{Attributes: attributes}, nil
}

// returned is what a write answers. An item and its maps are never changed once they are in the
// table.
func returned(values types.ReturnValue, old, updated attributes, paths [][]string) attributes {
	switch values {
	case types.ReturnValueAllOld:
		return old
	case types.ReturnValueAllNew:
		return updated
	case types.ReturnValueUpdatedOld:
		return only(old, paths)
	case types.ReturnValueUpdatedNew:
		return only(updated, paths)
	default:
		return nil
	}
}

// only returns what an item has at the paths, in the maps that lead there.
func only(it attributes, paths [][]string) attributes {
	some := attributes{}
	for _, path := range paths {
		if v := at(it, path); v != nil {
			some = with(some, path, v, true)
		}
	}
	return some
}

func (t *twinTable) Query(
	_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error,
) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if *in.KeyConditionExpression != "pk = :pk" || in.FilterExpression != nil {
		panic("twinTable: query " + *in.KeyConditionExpression)
	}
	pk, after := in.ExpressionAttributeValues[":pk"].(*types.AttributeValueMemberS).Value, ""
	if in.ExclusiveStartKey != nil {
		after = twinKey(in.ExclusiveStartKey)[1]
	}
	var sorts []string
	for key := range t.items {
		if key[0] == pk && key[1] > after {
			sorts = append(sorts, key[1])
		}
	}
	slices.Sort(sorts)
	out := &dynamodb.QueryOutput{}
	for _, sk := range sorts {
		projected := attributes{}
		for name := range strings.SplitSeq(*in.ProjectionExpression, ", ") {
			if v := t.items[[2]string{pk, sk}][name]; v != nil {
				projected[name] = v
			}
		}
		out.Items = append(out.Items, projected)
		if len(out.Items) == int(*in.Limit) {
			out.LastEvaluatedKey = attributes{"pk": text(pk), "sk": text(sk)}
			break
		}
	}
	return out, nil
}

// comparedTable makes each request of DynamoDB, too, and fails where that answers something else
// than the twin. It makes one request at a time, so that both see them in the same order.
type comparedTable struct {
	*twinTable
	local dynamo.API
	mu    *sync.Mutex
}

func newComparedTable(local dynamo.API) comparedTable {
	return comparedTable{newTwinTable(), local, new(sync.Mutex)}
}

func (c comparedTable) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error,
) {
	return both(ctx, c.mu, in, opts, c.local.GetItem, c.twinTable.GetItem)
}

func (c comparedTable) BatchGetItem(
	ctx context.Context,
	in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error,
) {
	return both(ctx, c.mu, in, opts, c.local.BatchGetItem, c.twinTable.BatchGetItem)
}

func (c comparedTable) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error,
) {
	return both(ctx, c.mu, in, opts, c.local.PutItem, c.twinTable.PutItem)
}

func (c comparedTable) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error,
) {
	return both(ctx, c.mu, in, opts, c.local.UpdateItem, c.twinTable.UpdateItem)
}

func (c comparedTable) DeleteItem(
	ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error,
) {
	return both(ctx, c.mu, in, opts, c.local.DeleteItem, c.twinTable.DeleteItem)
}

func (c comparedTable) Query(
	ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error,
) {
	return both(ctx, c.mu, in, opts, c.local.Query, c.twinTable.Query)
}

var errUnlike = errors.New("DynamoDB and the twin do not answer alike")

func both[In, Out any](
	ctx context.Context, mu *sync.Mutex, in In, opts []func(*dynamodb.Options),
	local, twin func(context.Context, In, ...func(*dynamodb.Options)) (Out, error),
) (Out, error) {
	mu.Lock()
	defer mu.Unlock()
	out, err := local(ctx, in, opts...)
	var refused *types.ConditionalCheckFailedException
	if err != nil && !errors.As(err, &refused) {
		return out, err
	}
	want := said(in, out, err)
	mirrored, mirroredErr := twin(ctx, in, opts...)
	if got := said(in, mirrored, mirroredErr); !reflect.DeepEqual(got, want) {
		var none Out
		return none, fmt.Errorf("%w: %T %+v: %s, not %s", errUnlike, in, in, show(want), show(got))
	}
	return out, err
}

// answered is what there is in an answer.
type answered struct {
	refused bool
	items   []attributes
	last    attributes
}

// said returns the content of an answer. If an update changes a member of a map and asks for what
// it has changed, DynamoDB Local returns the whole map. DynamoDB is not known to, so that the
// store may not depend on it.
func said(in, out any, err error) (a answered) {
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		return answered{refused: true, items: []attributes{full(refused.Item)}}
	}
	switch out := out.(type) {
	case *dynamodb.GetItemOutput:
		a.items = []attributes{full(out.Item)}
	case *dynamodb.BatchGetItemOutput:
		for _, items := range out.Responses { // of one table
			a.items = slices.SortedFunc(slices.Values(items), func(x, y attributes) int {
				return strings.Compare(twinKey(x)[0], twinKey(y)[0])
			})
		}
	case *dynamodb.PutItemOutput:
		a.items = []attributes{full(out.Attributes)}
	case *dynamodb.UpdateItemOutput:
		it, in := out.Attributes, any(in).(*dynamodb.UpdateItemInput)
		if in.ReturnValues == types.ReturnValueUpdatedOld || in.ReturnValues == types.ReturnValueUpdatedNew {
			it = only(it, expressions{names: in.ExpressionAttributeNames}.targets(*in.UpdateExpression))
		}
		a.items = []attributes{full(it)}
	case *dynamodb.DeleteItemOutput:
		a.items = []attributes{full(out.Attributes)}
	case *dynamodb.QueryOutput:
		for _, it := range out.Items {
			a.items = append(a.items, full(it))
		}
		a.last = full(out.LastEvaluatedKey)
	}
	return a
}

// full makes no difference between no item and an empty one.
func full(it attributes) attributes {
	if len(it) == 0 {
		return nil
	}
	return it
}

func show(a answered) string {
	var b strings.Builder
	fmt.Fprintf(&b, "refused %v", a.refused)
	for _, it := range append(a.items, a.last) {
		b.WriteString(" {")
		for _, name := range slices.Sorted(maps.Keys(it)) {
			fmt.Fprintf(&b, " %s: %+v", name, reflect.ValueOf(it[name]).Elem().FieldByName("Value"))
		}
		b.WriteString(" }")
	}
	return b.String()
}
