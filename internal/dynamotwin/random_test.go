package dynamotwin_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/internal/dynamotwin"
)

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func number(n int) types.AttributeValue  { return &types.AttributeValueMemberN{Value: fmt.Sprint(n)} }

// random draws requests for few items, so that conditions meet something.
type random struct {
	t         *rapid.T
	table     string
	namespace string
}

func (r random) pick(label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(r.t, label)
}

func (r random) flip(label string) bool { return rapid.Bool().Draw(r.t, label) }

func (r random) partition() string { return "@" + r.namespace + "#" + r.pick("partition", "a", "b") }
func (r random) sort() string      { return r.pick("sort", "1", "2", "3", "h") }

func (r random) key() dynamotwin.Item {
	return dynamotwin.Item{"pk": text(r.partition()), "sk": text(r.sort())}
}

func (r random) item(key dynamotwin.Item) dynamotwin.Item {
	key["n"] = number(rapid.IntRange(0, 3).Draw(r.t, "n"))
	key["s"] = text(r.pick("s", "x", "xy", "z"))
	return key
}

// write is what the requests that write have in common.
type write struct {
	condition *string
	names     map[string]string
	values    dynamotwin.Item
	tell      types.ReturnValuesOnConditionCheckFailure
}

// write draws a condition, and adds the names and values that it and the update use: DynamoDB
// refuses those that nothing uses.
func (r random) write(update string) write {
	w := write{tell: types.ReturnValuesOnConditionCheckFailureNone}
	if r.flip("tell") {
		w.tell = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	condition := r.pick("condition", "", "", "attribute_not_exists(pk)", "attribute_exists(pk) AND #n < :two",
		"#n BETWEEN :one AND :two", "begins_with(#s, :x)", "NOT (#s = :x OR #n >= :two)", "#s <> :x", "size(#s) <= :one",
		"attribute_not_exists(#n) OR #n <= :one", "#s = :x AND (attribute_not_exists(gone) OR #n > :two)")
	if condition != "" {
		w.condition = &condition
	}
	w.names, w.values = used(condition + " " + update)
	return w
}

func used(expressions string) (names map[string]string, values dynamotwin.Item) {
	for name, path := range map[string]string{"#n": "n", "#s": "s"} {
		if strings.Contains(expressions, name) {
			names = with(names, name, path)
		}
	}
	for name, v := range map[string]types.AttributeValue{
		":one": number(1), ":two": number(2), ":x": text("x"), ":none": &types.AttributeValueMemberL{},
		":some": &types.AttributeValueMemberL{Value: []types.AttributeValue{text("y")}},
	} {
		if strings.Contains(expressions, name) {
			values = with(values, name, v)
		}
	}
	return names, values
}

func with[V any](m map[string]V, key string, v V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[key] = v
	return m
}

func (r random) update() string {
	return r.pick("update", "SET #n = :one", "SET #n = if_not_exists(#n, :two) + :one, #s = :x", "REMOVE #n",
		"SET #s = :x REMOVE #n", "ADD #n :two", "SET k = if_not_exists(k, :two) - :one ADD #n :one",
		"SET l = list_append(if_not_exists(l, :none), :some)")
}

func (r random) returns(of ...types.ReturnValue) types.ReturnValue {
	return rapid.SampledFrom(of).Draw(r.t, "returns")
}

func (r random) put(ctx context.Context, api dynamotwin.API) error {
	w := r.write("")
	_, err := api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &r.table, Item: r.item(r.key()), ConditionExpression: w.condition, ExpressionAttributeNames: w.names,
		ExpressionAttributeValues: w.values, ReturnValuesOnConditionCheckFailure: w.tell,
		ReturnValues: r.returns(types.ReturnValueNone, types.ReturnValueAllOld),
	})
	return err
}

func (r random) change(ctx context.Context, api dynamotwin.API) error {
	update := r.update()
	w := r.write(update)
	_, err := api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &r.table, Key: r.key(), ConditionExpression: w.condition, ExpressionAttributeNames: w.names,
		ExpressionAttributeValues: w.values, ReturnValuesOnConditionCheckFailure: w.tell, UpdateExpression: &update,
		ReturnValues: r.returns(types.ReturnValueNone, types.ReturnValueAllOld, types.ReturnValueAllNew,
			types.ReturnValueUpdatedOld, types.ReturnValueUpdatedNew),
	})
	return err
}

func (r random) remove(ctx context.Context, api dynamotwin.API) error {
	w := r.write("")
	_, err := api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &r.table, Key: r.key(), ConditionExpression: w.condition, ExpressionAttributeNames: w.names,
		ExpressionAttributeValues: w.values, ReturnValuesOnConditionCheckFailure: w.tell,
		ReturnValues: r.returns(types.ReturnValueNone, types.ReturnValueAllOld),
	})
	return err
}

func (r random) transaction(ctx context.Context, api dynamotwin.API) error {
	in := &dynamodb.TransactWriteItemsInput{}
	for _, sort := range rapid.Permutation([]string{"1", "2", "3", "h"}).Draw(r.t, "sorts")[:2] {
		key := dynamotwin.Item{"pk": text(r.partition()), "sk": text(sort)}
		in.TransactItems = append(in.TransactItems, r.action(key))
	}
	_, err := api.(dynamotwin.Transactor).TransactWriteItems(ctx, in)
	return err
}

func (r random) action(key dynamotwin.Item) types.TransactWriteItem {
	switch update := r.update(); r.pick("action", "put", "delete", "update", "check") {
	case "put":
		w := r.write("")
		return types.TransactWriteItem{Put: &types.Put{
			TableName: &r.table, Item: r.item(key), ConditionExpression: w.condition, ExpressionAttributeNames: w.names,
			ExpressionAttributeValues: w.values, ReturnValuesOnConditionCheckFailure: w.tell,
		}}
	case "delete":
		w := r.write("")
		return types.TransactWriteItem{Delete: &types.Delete{
			TableName: &r.table, Key: key, ConditionExpression: w.condition, ExpressionAttributeNames: w.names,
			ExpressionAttributeValues: w.values, ReturnValuesOnConditionCheckFailure: w.tell,
		}}
	case "update":
		w := r.write(update)
		return types.TransactWriteItem{Update: &types.Update{
			TableName: &r.table, Key: key, ConditionExpression: w.condition, ExpressionAttributeNames: w.names,
			ExpressionAttributeValues: w.values, ReturnValuesOnConditionCheckFailure: w.tell, UpdateExpression: &update,
		}}
	default:
		w := r.write("")
		if w.condition == nil {
			w.condition = aws.String("attribute_exists(pk)")
		}
		return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: &r.table, Key: key, ConditionExpression: w.condition, ExpressionAttributeNames: w.names,
			ExpressionAttributeValues: w.values, ReturnValuesOnConditionCheckFailure: w.tell,
		}}
	}
}

func (r random) get(ctx context.Context, api dynamotwin.API) error {
	_, err := api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &r.table, Key: r.key(), ConsistentRead: aws.Bool(true),
	})
	return err
}

func (r random) batch(ctx context.Context, api dynamotwin.API) error {
	partition := r.partition()
	in := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
	for _, sort := range rapid.Permutation([]string{"1", "2", "h", "none"}).Draw(r.t, "sorts")[:3] {
		in.Keys = append(in.Keys, dynamotwin.Item{"pk": text(partition), "sk": text(sort)})
	}
	if r.flip("project") {
		in.ProjectionExpression = aws.String("pk, sk, #n")
		in.ExpressionAttributeNames = map[string]string{"#n": "n"}
	}
	_, err := api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
		RequestItems: map[string]types.KeysAndAttributes{r.table: in},
	})
	return err
}

func (r random) query(ctx context.Context, api dynamotwin.API) error {
	condition := r.pick("key condition", "pk = :pk", "pk = :pk AND sk > :from", "pk = :pk AND sk BETWEEN :from AND :to",
		"pk = :pk AND sk <= :from", "pk = :pk AND begins_with(sk, :from)")
	partition := r.partition()
	in := &dynamodb.QueryInput{
		TableName: &r.table, KeyConditionExpression: &condition, ConsistentRead: aws.Bool(true),
		ScanIndexForward: aws.Bool(r.flip("forward")),
	}
	for name, v := range map[string]string{":pk": partition, ":from": r.pick("from", "1", "2", "3"), ":to": "3"} {
		if strings.Contains(condition, name) {
			in.ExpressionAttributeValues = with(in.ExpressionAttributeValues, name, text(v))
		}
	}
	if r.flip("limited") {
		in.Limit = aws.Int32(rapid.Int32Range(1, 3).Draw(r.t, "limit"))
	}
	if condition == "pk = :pk" && r.flip("continued") {
		in.ExclusiveStartKey = dynamotwin.Item{"pk": text(partition), "sk": text(r.sort())}
	}
	if r.flip("project") {
		in.ProjectionExpression = aws.String("sk, #n")
		in.ExpressionAttributeNames = map[string]string{"#n": "n"}
	}
	_, err := api.Query(ctx, in)
	return err
}
