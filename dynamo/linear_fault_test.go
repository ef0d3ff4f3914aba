package dynamo_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotwin"
)

// forgetfulReader answers a reading of a record with what it has read before, now and then, as a
// cache would.
type forgetfulReader struct {
	dynamo.API
	mu   sync.Mutex
	read map[string]*dynamodb.GetItemOutput
}

func (f *forgetfulReader) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error,
) {
	out, err := f.API.GetItem(ctx, in, opts...)
	if err != nil || whose(in.Key) == "row" {
		return out, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := dynamotwin.KeyOf(in.Key).Partition
	if old, ok := f.read[key]; ok {
		return old, nil
	}
	f.read[key] = out
	return out, nil
}

// lazy does not delete every second row that it reports as deleted.
type lazy struct {
	dynamo.API
	mu sync.Mutex
	n  int
}

func (l *lazy) DeleteItem(
	ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error,
) {
	l.mu.Lock()
	l.n++
	skip := whose(in.Key) == "row" && l.n%2 == 0
	l.mu.Unlock()
	if skip {
		return &dynamodb.DeleteItemOutput{}, nil
	}
	return l.API.DeleteItem(ctx, in, opts...)
}

// overwriting sets the whole map of attributes and groups back to what a change has read, as a
// store without conditions on single members would: here, SetAttributes takes the connection out
// of its groups.
type overwriting struct{ dynamo.API }

func (o overwriting) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error,
) {
	if whose(in.Key) == "record" && strings.HasPrefix(*in.UpdateExpression, "SET seen") {
		changed := *in
		changed.UpdateExpression = aws.String(strings.Replace(*in.UpdateExpression, "SET ", "SET #groups = :groups, ", 1))
		changed.ExpressionAttributeNames = map[string]string{"#groups": "groups"}
		for k, v := range in.ExpressionAttributeNames {
			changed.ExpressionAttributeNames[k] = v
		}
		changed.ExpressionAttributeValues = attributes{":groups": &types.AttributeValueMemberM{Value: attributes{}}}
		for k, v := range in.ExpressionAttributeValues {
			changed.ExpressionAttributeValues[k] = v
		}
		in = &changed
	}
	return o.API.UpdateItem(ctx, in, opts...)
}

// What the models take and refuse, in histories of a few calls.
func TestLinearModels(t *testing.T) {
	t.Parallel()
	type ops = []porcupine.Operation
	op := func(call, ret int64, in linearIn, out linearOut) porcupine.Operation {
		return porcupine.Operation{Input: in, Output: out, Call: call, Return: ret}
	}
	ok, none := linearOut{found: true}, linearOut{}
	put := op(1, 2, linearIn{kind: linearPut}, ok)
	joins, leaves, deletes := linearIn{kind: linearJoin}, linearIn{kind: linearLeave}, linearIn{kind: linearDelete}
	gets, reads, sets := linearIn{kind: linearGet}, linearIn{kind: linearRead}, linearIn{kind: linearSet, value: "v"}
	is, isNot := linearOut{found: true, member: true}, ok
	for name, c := range map[string]struct {
		history ops
		want    bool
	}{
		"in order": {ops{
			put, op(3, 4, joins, ok), op(5, 6, gets, is),
			op(7, 8, reads, is), op(9, 10, leaves, ok), op(11, 12, reads, isNot),
		}, true},
		"a reading that is late": {ops{put, op(3, 4, joins, ok), op(5, 6, reads, isNot)}, false},
		"a record that is late":  {ops{put, op(3, 4, joins, ok), op(5, 6, gets, isNot)}, false},
		"a reading meanwhile":    {ops{put, op(3, 8, joins, ok), op(4, 5, reads, isNot), op(6, 7, reads, is)}, true},
		"forth and back":         {ops{put, op(3, 8, joins, ok), op(4, 5, reads, is), op(6, 7, reads, isNot)}, false},
		"back by a ghost": {ops{
			put, op(3, 8, joins, ok), op(3, 8, linearIn{kind: linearLeave, ghost: true}, ok),
			op(4, 5, reads, is), op(6, 7, reads, isNot),
		}, true},
		"a join after the end": {ops{put, op(3, 4, deletes, ok), op(5, 6, joins, ok)}, false},
		"a join that is refused": {ops{
			put, op(3, 4, deletes, ok), op(5, 6, joins, none),
			op(7, 8, reads, isNot), op(9, 10, gets, none),
		}, true},
		"a value that was not set": {ops{
			put, op(3, 4, sets, linearOut{found: true, value: "v"}),
			op(5, 6, gets, isNot),
		}, false},
		"a change that is not told": {ops{
			put, op(3, 4, joins, ok),
			op(5, 6, sets, linearOut{found: true, value: "v"}),
		}, false},
		"a removal, perhaps": {ops{
			put, op(3, 4, joins, ok), op(5, 6, deletes, linearOut{unsure: true}),
			op(7, 8, gets, none), op(9, 10, reads, is),
		}, true},
		"a leave that ends after it": {ops{
			put, op(3, 4, joins, ok), op(5, 10, leaves, ok),
			op(6, 7, deletes, ok), op(8, 9, reads, is), op(11, 12, reads, isNot),
		}, true},
		"two that get one record":      {ops{put, op(3, 4, deletes, ok), op(5, 6, deletes, ok)}, false},
		"a record without its own end": {ops{put, op(3, 4, gets, none)}, false},
	} {
		require.Equal(t, c.want, linearizable(c.history), name)
	}
}
