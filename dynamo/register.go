package dynamo

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Put registers a connection; see [conn.Store]. It costs 1 write unit and 1 for each group,
// including the group of the user. It writes the record first, and then the memberships at the
// same time. If the answer to its first attempt is lost and the connection is deleted before the
// second attempt, the second attempt registers the connection again.
func (cs *Connections) Put(ctx context.Context, c conn.Conn) error {
	if err := table.Ended(ctx); err != nil {
		return err
	}
	c, err := cs.normalize(c)
	if err != nil {
		return err
	}
	version := cs.firstVersion()
	expired, err := cs.putRecord(ctx, c, version)
	if err != nil {
		return err
	}
	ending := conn.WithEndCause(ctx, conn.EndExpired)
	defer cs.reg.AnnounceExpired(ending, c.ID, expired) //nolint:errcheck // What was no record has not ended either.
	err = cs.t.Each(ctx, len(c.Groups), func(i int) error {
		return cs.putMembership(ctx, c.Groups[i], row{
			id: c.ID, endpoint: c.Endpoint, expires: c.ExpiresAt.Unix(), kind: member, version: version,
		})
	})
	if err != nil {
		return fmt.Errorf("dynamo: put connection %.100q: it is registered, but not all its groups list it: %w", c.ID, err)
	}
	return nil
}

// normalize checks a record, also by the rules that only this store has.
func (cs *Connections) normalize(c conn.Conn) (conn.Conn, error) {
	c, err := c.Normalize(cs.t.Clock())
	if err != nil {
		return conn.Conn{}, err
	}
	if err := checkSizes(c, len(cs.t.Prefix)); err != nil {
		return conn.Conn{}, err
	}
	for _, group := range c.Groups {
		if _, err := cs.layout(group); err != nil {
			return conn.Conn{}, err
		}
	}
	return c, nil
}

// putRecord writes the record unless a live one exists. A record that an earlier attempt of the
// same call has written counts as written. It returns the expired item that the record has
// replaced.
func (cs *Connections) putRecord(ctx context.Context, c conn.Conn, version int64) (expired table.Item, err error) {
	nonce := make([]byte, 8)
	_, _ = rand.Read(nonce) // it never fails
	out, _, err := table.Do(ctx, cs.t, cs.t.API.PutItem, &dynamodb.PutItemInput{
		TableName:                           &cs.t.Name,
		Item:                                cs.reg.EncodeRecord(c, version, nonce),
		ConditionExpression:                 aws.String("attribute_not_exists(pk) OR exp <= :now"),
		ExpressionAttributeValues:           table.Item{":now": table.Number(cs.t.Now())},
		ReturnValues:                        types.ReturnValueAllOld,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if existing, ok := table.Refused(err); ok {
		if n, ok := existing[registry.AttrNonce].(*types.AttributeValueMemberB); ok && bytes.Equal(n.Value, nonce) {
			return nil, nil
		}
		return nil, conn.ErrExists
	}
	if err != nil {
		return nil, fmt.Errorf("dynamo: put connection %.100q: %s: %w", c.ID,
			table.OutcomeOf(err, "it may be registered, without its groups"), err)
	}
	return out.Attributes, nil
}

// Delete removes a connection and its memberships; see [conn.Store]. It costs 1 write unit and 1
// for each group, and no read.
//
// If a membership could not be removed, Delete returns the record and an error; calling
// [Connections.Leave] for each of its groups completes the removal. If an attempt removed the
// record and its answer was lost, the record's content is lost, too: Delete fails with an error
// that is not [conn.ErrNotFound], the function of [WithEnded] is not called, and groups list the
// connection until it expires or a broadcast finds it gone.
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
		return cs.bury(ctx, endOf(group, id, r.Entries[group], r.Next))
	})
	cs.reg.EndedFunc.Call(ctx, r.Conn)
	if err != nil {
		return r.Conn, fmt.Errorf("dynamo: delete connection %.100q: it is not registered any more, "+
			"but groups may list it until it expires: %w", id, err)
	}
	return r.Conn, nil
}

// deleteRecord removes the record of a connection and returns it.
func (cs *Connections) deleteRecord(ctx context.Context, id string) (registry.Record, error) {
	fail := func(outcome string, err error) (registry.Record, error) {
		return registry.Record{}, fmt.Errorf("dynamo: delete connection %.100q: %s: %w", id, outcome, err)
	}
	out, past, err := table.Do(ctx, cs.t, cs.t.API.DeleteItem, &dynamodb.DeleteItemInput{
		TableName:                 &cs.t.Name,
		Key:                       cs.t.ConnectionKey(id),
		ConditionExpression:       aws.String("exp > :now"),
		ExpressionAttributeValues: table.Item{":now": table.Number(cs.t.Now())},
		ReturnValues:              types.ReturnValueAllOld,
	})
	if _, ok := table.Refused(err); ok {
		if past.Lost {
			return fail("it is not registered, but may have been removed by an attempt whose answer was lost, "+
				"and groups may list it until it expires", err)
		}
		return registry.Record{}, &conn.NotFoundError{ID: id}
	}
	if err != nil {
		return fail(table.OutcomeOf(err, "it may be removed, and groups may list it until it expires"), err)
	}
	r, err := registry.DecodeRecord(id, out.Attributes)
	if err != nil {
		return fail("it is removed, but groups may list it until it expires", err)
	}
	return r, nil
}
