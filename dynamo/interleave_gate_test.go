package dynamo_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotwin"
)

// An interleaving gates the requests of its calls: each waits until the schedule lets it through,
// alone and to its end. Requests of no call of the interleaving pass at once.

// verdict is what happens to a request.
type verdict int

const (
	carry       verdict = iota
	dieBefore           // the process dies before the request
	dieAfter            // the process dies before the answer comes
	loseAnswer          // it is carried out, and the answer is an error of DynamoDB
	faultKinds  = 4     // of verdicts
	lastRequest = 5     // faults are planned for requests below this, most for the first ones
)

// fault is what happens to a call at one of its requests, counted from 0.
type fault struct {
	verdict verdict
	at      int
}

var errDead = errors.New("the process is dead")

type actorKey struct{}

type gate struct {
	dynamo.API
	run *interleaving
}

// through sends a request through the gate. The gate has its own idea of time, so the deadline of
// an attempt is nothing to it.
func through[In, Out any](
	ctx context.Context, run *interleaving, in In, opts []func(*dynamodb.Options),
	request func(context.Context, In, ...func(*dynamodb.Options)) (Out, error),
) (Out, error) {
	a, ok := ctx.Value(actorKey{}).(*actor)
	if !ok {
		return request(ctx, in, opts...)
	}
	var none Out
	if a.dead {
		return none, errDead
	}
	a.arrived <- false
	v := <-a.verdicts
	if v == dieBefore {
		a.dead = true
		run.note(a, "dies")
		return none, errDead
	}
	out, err := request(context.WithoutCancel(ctx), in, opts...)
	label := describeRequest(in, out, err)
	switch v {
	case dieAfter:
		a.dead = true
		run.note(a, label+", dies")
	case loseAnswer:
		a.lost = label
		run.note(a, label+", answer lost")
		run.count("lost: " + label)
	default:
		run.note(a, label)
	}
	if a.changed(label) {
		a.changes++
	}
	switch v {
	case dieAfter:
		return none, errDead
	case loseAnswer:
		return none, status(http.StatusInternalServerError)
	default:
		return out, err
	}
}

func (g gate) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error,
) {
	return through(ctx, g.run, in, opts, g.API.GetItem)
}

func (g gate) BatchGetItem(
	ctx context.Context,
	in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error,
) {
	return through(ctx, g.run, in, opts, g.API.BatchGetItem)
}

func (g gate) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error,
) {
	return through(ctx, g.run, in, opts, g.API.PutItem)
}

func (g gate) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error,
) {
	return through(ctx, g.run, in, opts, g.API.UpdateItem)
}

func (g gate) DeleteItem(
	ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error,
) {
	return through(ctx, g.run, in, opts, g.API.DeleteItem)
}

func (g gate) Query(
	ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error,
) {
	return through(ctx, g.run, in, opts, g.API.Query)
}

type attributes = dynamotwin.Item

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// describeRequest names a request and what came of it, for the trace and for the count of what has
// been met.
func describeRequest(in, out any, err error) string {
	name := ""
	switch in := in.(type) {
	case *dynamodb.GetItemInput:
		return "look at " + whose(in.Key) + ": " + found(out.(*dynamodb.GetItemOutput), err)
	case *dynamodb.PutItemInput:
		name = "put " + whose(in.Item) + parity(in.Item["v"])
	case *dynamodb.UpdateItemInput:
		if name = describeUpdate(in); name == "exit" && err == nil {
			return name + ": " + left(in, out.(*dynamodb.UpdateItemOutput))
		}
	case *dynamodb.DeleteItemInput:
		name = "delete " + whose(in.Key)
	case *dynamodb.QueryInput:
		name = "query"
	}
	return name + outcome(err)
}

func outcome(err error) string {
	var refused *types.ConditionalCheckFailedException
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return " refused"
	default:
		return " failed"
	}
}

// whose returns whether a key is of a record or of a row.
func whose(key attributes) string {
	pk := key["pk"].(*types.AttributeValueMemberS).Value
	if strings.Contains(pk, "#c#") {
		return "record"
	}
	return "row"
}

// parity returns a letter for a tombstone.
func parity(v types.AttributeValue) string {
	if number, ok := v.(*types.AttributeValueMemberN); ok {
		if n, err := strconv.ParseInt(number.Value, 10, 64); err == nil && n%2 != 0 {
			return " as mark"
		}
	}
	return ""
}

func describeUpdate(in *dynamodb.UpdateItemInput) string {
	extends := strings.HasPrefix(*in.UpdateExpression, "SET exp = :until")
	if whose(in.Key) == "row" {
		if extends {
			return "extend row"
		}
		if strings.HasPrefix(*in.UpdateExpression, "SET exp") {
			return "put row" + parity(in.ExpressionAttributeValues[":v"])
		}
		return "guard row"
	}
	switch {
	case strings.HasPrefix(*in.UpdateExpression, "REMOVE"):
		return "exit"
	case extends:
		return "extend"
	case strings.HasPrefix(*in.UpdateExpression, "SET seen"):
		return "set"
	default:
		return "enter"
	}
}

func left(in *dynamodb.UpdateItemInput, out *dynamodb.UpdateItemOutput) string {
	if groups, ok := out.Attributes["groups"].(*types.AttributeValueMemberM); ok {
		if _, ok := groups.Value[in.ExpressionAttributeNames["#group"]]; ok {
			return "was member"
		}
	}
	return "was none"
}

func found(out *dynamodb.GetItemOutput, err error) string {
	switch {
	case err != nil:
		return "failed"
	case out.Item == nil:
		return "none"
	default:
		return "there" + parity(out.Item["v"])
	}
}
