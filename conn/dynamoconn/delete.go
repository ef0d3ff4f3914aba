package dynamoconn

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/conn"
)

// Delete removes a connection and its memberships; see [conn.Store]. It costs 1 write unit and 1 for each group, and no
// read. If a membership could not be removed, it returns the record beside the error, and [Store.Leave] may be called for each
// of its groups. If an attempt removed the record and its answer was lost, nobody has it any more: Delete then fails with an
// error that is not [conn.ErrNotFound], the function of [WithEnded] is not called, and groups list the connection until it
// expires or a broadcast finds it gone.
func (s *Store) Delete(ctx context.Context, id string) (conn.Conn, error) {
	if err := check(ctx, "connection id", id); err != nil {
		return conn.Conn{}, err
	}
	r, err := s.deleteRecord(ctx, id)
	if err != nil {
		return conn.Conn{}, err
	}
	err = s.each(ctx, len(r.Groups), func(i int) error {
		group := r.Groups[i]
		return s.bury(ctx, endedMembership(group, id, r.entries[group], r.next))
	})
	s.ended.Call(ctx, r.Conn)
	if err != nil {
		return r.Conn, fmt.Errorf("dynamoconn: delete connection %.100q: it is not registered any more, but groups may list it until it expires: %w", id, err)
	}
	return r.Conn, nil
}

// deleteRecord removes the record of a connection and gives it.
func (s *Store) deleteRecord(ctx context.Context, id string) (record, error) {
	out, past, err := do(ctx, s, s.api.DeleteItem, &dynamodb.DeleteItemInput{
		TableName:                 &s.table,
		Key:                       s.connectionKey(id),
		ConditionExpression:       aws.String("exp > :now"),
		ExpressionAttributeValues: item{":now": number(s.now())},
		ReturnValues:              types.ReturnValueAllOld,
	})
	if _, ok := refused(err); ok {
		if past.lost {
			return record{}, fmt.Errorf("dynamoconn: delete connection %.100q: it is not registered, but may have been removed by an attempt "+
				"whose answer was lost, and groups may list it until it expires: %w", id, err)
		}
		return record{}, &conn.NotFoundError{ID: id}
	}
	if err != nil {
		return record{}, fmt.Errorf("dynamoconn: delete connection %.100q: %s: %w", id,
			outcomeOf(err, "it may be removed, and groups may list it until it expires"), err)
	}
	r, err := decodeRecord(id, out.Attributes)
	if err != nil {
		return record{}, fmt.Errorf("dynamoconn: delete connection %.100q: it is removed, but groups may list it until it expires: %w", id, err)
	}
	return r, nil
}

// expire deletes a record that has expired, before DynamoDB does, so that it can be announced. Its memberships have
// expired with it. It is no error if there is none any more, or if the connection lives again. Callers say in ctx that it has
// expired.
func (s *Store) expire(ctx context.Context, id string) error {
	out, _, err := do(ctx, s, s.api.DeleteItem, &dynamodb.DeleteItemInput{
		TableName:                 &s.table,
		Key:                       s.connectionKey(id),
		ConditionExpression:       aws.String("exp <= :now"),
		ExpressionAttributeValues: item{":now": number(s.now())},
		ReturnValues:              types.ReturnValueAllOld,
	})
	if _, ok := refused(err); ok {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete the expired record of connection %.100q: %w", id, err)
	}
	return s.announceExpired(ctx, id, out.Attributes)
}

// announceExpired announces the record of an item, of which ctx says that it has expired; nil is none.
func (s *Store) announceExpired(ctx context.Context, id string, it item) error {
	if it == nil || s.ended == nil {
		return nil
	}
	r, err := decodeRecord(id, it)
	if err != nil {
		return fmt.Errorf("the expired record of connection %.100q: %w", id, err)
	}
	s.ended.Call(ctx, r.Conn)
	return nil
}
