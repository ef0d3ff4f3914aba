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

// Put registers a connection; see [conn.Store]. It costs 1 write unit and 1 for each group, that of the user among
// them. The memberships are written after the record, at the same time. If the answer to its first attempt is lost and the
// connection is deleted before the second, the second registers it again.
func (cs *Connections) Put(ctx context.Context, c conn.Conn) error {
	if err := table.Ended(ctx); err != nil {
		return err
	}
	c, err := cs.canonical(c)
	if err != nil {
		return err
	}
	version := cs.firstVersion()
	expired, err := cs.putRecord(ctx, c, version)
	if err != nil {
		return err
	}
	defer cs.reg.AnnounceExpired(conn.WithEndCause(ctx, conn.EndExpired), c.ID, expired) //nolint:errcheck // What was no record has not ended either.
	err = cs.t.Each(ctx, len(c.Groups), func(i int) error {
		return cs.putMembership(ctx, c.Groups[i], membership{
			id: c.ID, endpoint: c.Endpoint, expires: c.ExpiresAt.Unix(), version: version,
		})
	})
	if err != nil {
		return fmt.Errorf("dynamo: put connection %.100q: it is registered, but not all its groups list it: %w", c.ID, err)
	}
	return nil
}

// canonical checks a record, and what only this store asks of it.
func (cs *Connections) canonical(c conn.Conn) (conn.Conn, error) {
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

// putRecord writes the record, if there is none that lives. One that a former attempt has written is this call's own. It
// returns the expired table.Item in whose place it is.
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
	if there, ok := table.Refused(err); ok {
		if n, ok := there[registry.AttrNonce].(*types.AttributeValueMemberB); ok && bytes.Equal(n.Value, nonce) {
			return nil, nil
		}
		return nil, conn.ErrExists
	}
	if err != nil {
		return nil, fmt.Errorf("dynamo: put connection %.100q: %s: %w", c.ID, table.OutcomeOf(err, "it may be registered, without its groups"), err)
	}
	return out.Attributes, nil
}
