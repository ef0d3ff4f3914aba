package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Delete removes a connection and its memberships; see [conn.Store]. It costs 1 write unit and 1 for each group, and no
// read. If a membership could not be removed, it returns the record beside the error, and [Connections.Leave] may be called for each
// of its groups. If an attempt removed the record and its answer was lost, nobody has it any more: Delete then fails with an
// error that is not [conn.ErrNotFound], the function of [WithEnded] is not called, and groups list the connection until it
// expires or a broadcast finds it gone.
func (cs *Connections) Delete(ctx context.Context, id string) (conn.Conn, error) {
	if err := check(ctx, "connection id", id); err != nil {
		return conn.Conn{}, err
	}
	r, err := cs.deleteRecord(ctx, id)
	if err != nil {
		return conn.Conn{}, err
	}
	err = cs.t.Each(ctx, len(r.Groups), func(i int) error {
		group := r.Groups[i]
		return cs.bury(ctx, endedMembership(group, id, r.Entries[group], r.Next))
	})
	cs.reg.EndedFunc.Call(ctx, r.Conn)
	if err != nil {
		return r.Conn, fmt.Errorf("dynamo: delete connection %.100q: it is not registered any more, but groups may list it until it expires: %w", id, err)
	}
	return r.Conn, nil
}

// deleteRecord removes the record of a connection and gives it.
func (cs *Connections) deleteRecord(ctx context.Context, id string) (registry.Record, error) {
	out, past, err := table.Do(ctx, cs.t, cs.t.API.DeleteItem, &dynamodb.DeleteItemInput{
		TableName:                 &cs.t.Name,
		Key:                       cs.t.ConnectionKey(id),
		ConditionExpression:       aws.String("exp > :now"),
		ExpressionAttributeValues: table.Item{":now": table.Number(cs.t.Now())},
		ReturnValues:              types.ReturnValueAllOld,
	})
	if _, ok := table.Refused(err); ok {
		if past.Lost {
			return registry.Record{}, fmt.Errorf("dynamo: delete connection %.100q: it is not registered, but may have been removed by an attempt "+
				"whose answer was lost, and groups may list it until it expires: %w", id, err)
		}
		return registry.Record{}, &conn.NotFoundError{ID: id}
	}
	if err != nil {
		return registry.Record{}, fmt.Errorf("dynamo: delete connection %.100q: %s: %w", id,
			table.OutcomeOf(err, "it may be removed, and groups may list it until it expires"), err)
	}
	r, err := registry.DecodeRecord(id, out.Attributes)
	if err != nil {
		return registry.Record{}, fmt.Errorf("dynamo: delete connection %.100q: it is removed, but groups may list it until it expires: %w", id, err)
	}
	return r, nil
}

// expire deletes a record that has expired, before DynamoDB does, so that it can be announced. Its memberships have
// expired with it. It is no error if there is none any more, or if the connection lives again. Callers say in ctx that it has
// expired.
func (cs *Connections) expire(ctx context.Context, id string) error {
	out, _, err := table.Do(ctx, cs.t, cs.t.API.DeleteItem, &dynamodb.DeleteItemInput{
		TableName:                 &cs.t.Name,
		Key:                       cs.t.ConnectionKey(id),
		ConditionExpression:       aws.String("exp <= :now"),
		ExpressionAttributeValues: table.Item{":now": table.Number(cs.t.Now())},
		ReturnValues:              types.ReturnValueAllOld,
	})
	if _, ok := table.Refused(err); ok {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete the expired record of connection %.100q: %w", id, err)
	}
	return cs.reg.AnnounceExpired(ctx, id, out.Attributes)
}

// announceExpired announces the record of an item, of which ctx says that it has expired; nil is none.
func (cs *Connections) announceExpired(ctx context.Context, id string, it table.Item) error {
	if it == nil || cs.reg.EndedFunc == nil {
		return nil
	}
	r, err := registry.DecodeRecord(id, it)
	if err != nil {
		return fmt.Errorf("the expired record of connection %.100q: %w", id, err)
	}
	cs.reg.EndedFunc.Call(ctx, r.Conn)
	return nil
}
