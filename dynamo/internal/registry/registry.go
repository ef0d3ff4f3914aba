// Package registry is the common ground of dynamo.Connections and the sweeper: the record of a
// connection, as an item, and what both of them do with it.
package registry

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Registry holds the records of connections in one namespace of a table.
type Registry struct {
	*table.Table
	// EndedFunc is called for each record that ends. It may be nil.
	EndedFunc conn.EndedFunc
}

// Holder lets the packages below dynamo get at the Registry of a dynamo.DB, and no others: a struct
// that embeds a Holder has its unexported method, which only [Of] can call.
type Holder struct{ registry *Registry }

// Hold returns a Holder of a Registry.
func Hold(r *Registry) Holder { return Holder{r} }

func (h Holder) hold() *Registry { return h.registry }

// Of returns the Registry of a struct that embeds a [Holder].
func Of(h interface{ hold() *Registry }) *Registry { return h.hold() }

// Expire deletes a record that has expired, before DynamoDB does, so that its end can be
// announced. Its memberships have expired with it. It is not an error if the record is gone or the
// connection lives again. The caller says with [conn.WithEndCause] that it has expired.
func (r *Registry) Expire(ctx context.Context, id string) error {
	out, _, err := table.Do(ctx, r.Table, r.API.DeleteItem, &dynamodb.DeleteItemInput{
		TableName:                 &r.Name,
		Key:                       r.ConnectionKey(id),
		ConditionExpression:       aws.String("exp <= :now"),
		ExpressionAttributeValues: table.Item{":now": table.Number(r.Now())},
		ReturnValues:              types.ReturnValueAllOld,
	})
	if _, ok := table.Refused(err); ok {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete the expired record of connection %.100q: %w", id, err)
	}
	return r.AnnounceExpired(ctx, id, out.Attributes)
}

// AnnounceExpired announces the end of the record in an item that has expired. There is nothing to
// announce if the item is nil.
func (r *Registry) AnnounceExpired(ctx context.Context, id string, it table.Item) error {
	if it == nil || r.EndedFunc == nil {
		return nil
	}
	expired, err := DecodeRecord(id, it)
	if err != nil {
		return fmt.Errorf("the expired record of connection %.100q: %w", id, err)
	}
	r.EndedFunc.Call(ctx, expired.Conn)
	return nil
}

// Touch notes that a connection was seen now. A connection whose record is gone meanwhile stays
// gone.
func (r *Registry) Touch(ctx context.Context, id string) error {
	_, _, err := table.Do(ctx, r.Table, r.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName:                 &r.Name,
		Key:                       r.ConnectionKey(id),
		UpdateExpression:          aws.String("SET seen = :now"),
		ConditionExpression:       aws.String("attribute_exists(pk) AND seen < :now"),
		ExpressionAttributeValues: table.Item{":now": table.Number(r.Now())},
	})
	if _, ok := table.Refused(err); ok {
		return nil
	}
	return err
}
