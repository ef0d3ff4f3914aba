package table

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/internal/observing"
)

// called makes a request that a test counts, and at which it may end the process.
func called[In, Out any](
	ctx context.Context, c observing.Calls, t *Table, request Request[In, Out], in In,
) (out Out, err error) {
	call, asking, err := t.begin(ctx, c, in)
	if err != nil {
		return out, err
	}
	if asking != nil {
		in, _ = asking.(In)
	}
	out, err = observed(ctx, t, request, in)
	call.end(out, err)
	return out, err
}

// countedCall is a request that has begun.
type countedCall struct {
	table  *Table
	ended  func(observing.Units)
	meters bool
	before float64 // what unitsBefore has returned
}

// begin announces a request. It returns what to send in its place so that the answer has the costs,
// or nil if nobody asks.
func (t *Table) begin(ctx context.Context, c observing.Calls, in any) (call countedCall, asking any, err error) {
	ended, err := c.BeginCall(ctx, observing.Call{Name: operation(in), About: t.about(in)})
	if err != nil {
		return call, nil, &requestError{t.Name, true, err}
	}
	call = countedCall{table: t, ended: ended, meters: c.Metering()}
	if call.meters {
		call.before, asking = t.unitsBefore(ctx, in), withCapacity(in)
	}
	return call, asking, nil
}

func (c countedCall) end(out any, err error) {
	units := observing.Units{Known: true}
	if c.meters {
		units = c.table.unitsOf(out, err, c.before)
	}
	c.ended(units)
}

// about returns what the items are that a request is for: "a connection", or several kinds with
// commas between them.
func (t *Table) about(in any) string {
	var kinds []string
	add := func(key types.AttributeValue) {
		if kind := t.kindOf(key); kind != "" && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	switch in := in.(type) {
	case *dynamodb.GetItemInput:
		add(in.Key[PartitionKey])
	case *dynamodb.PutItemInput:
		add(in.Item[PartitionKey])
	case *dynamodb.UpdateItemInput:
		add(in.Key[PartitionKey])
	case *dynamodb.DeleteItemInput:
		add(in.Key[PartitionKey])
	case *dynamodb.QueryInput:
		for _, name := range []string{":p", ":pk"} {
			add(in.ExpressionAttributeValues[name])
		}
	case *dynamodb.BatchGetItemInput:
		for _, key := range in.RequestItems[t.Name].Keys {
			add(key[PartitionKey])
		}
	case *dynamodb.TransactWriteItemsInput:
		for _, w := range in.TransactItems {
			if w.Put != nil {
				add(w.Put.Item[PartitionKey])
			}
		}
	case *dynamodb.ScanInput:
		return "the whole table"
	}
	return strings.Join(kinds, ", ")
}

// kindOf returns the kind of item that a partition key is for, or "".
func (t *Table) kindOf(key types.AttributeValue) string {
	text, ok := key.(*types.AttributeValueMemberS)
	if !ok {
		return ""
	}
	kind, _, _ := strings.Cut(strings.TrimPrefix(text.Value, t.Prefix), "#")
	switch kind {
	case "c":
		return "a connection"
	case "g":
		return "members of a group"
	case "s":
		return "the sweeper's progress"
	case "k":
		return "an API key"
	case "t":
		return "a ticket"
	case "a":
		return "a renewal"
	case "j":
		return "the outcome of a job"
	case "f", "fp":
		return "fragments"
	case "r":
		return "a limit"
	case "p":
		return "a plan"
	case "u":
		return "usage"
	case "th":
		return "a topic's head"
	case EntryKind:
		return "a topic's entries"
	case "tk":
		return "a topic's key"
	case ValueKind:
		return "a topic's values"
	case "tc":
		return "a topic's counter"
	case RosterKind:
		return "a topic's presence"
	case "ta":
		return "a topic's announcements"
	case "tf":
		return "a topic's filters"
	case "tt":
		return "a topic's turns"
	}
	return ""
}
