package dynamoconn

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/conn"
)

// Put registers a connection; see [conn.Store]. It costs 1 write unit and 1 for each group, that of the user among
// them. The memberships are written after the record, at the same time. If the answer to its first attempt is lost and the
// connection is deleted before the second, the second registers it again.
func (s *Store) Put(ctx context.Context, c conn.Conn) error {
	if err := refuse(ctx); err != nil {
		return err
	}
	c, err := s.canonical(c)
	if err != nil {
		return err
	}
	version := s.firstVersion()
	expired, err := s.putRecord(ctx, c, version)
	if err != nil {
		return err
	}
	defer s.announceExpired(conn.WithEndCause(ctx, conn.EndExpired), c.ID, expired) //nolint:errcheck // What was no record has not ended either.
	err = s.each(ctx, len(c.Groups), func(i int) error {
		return s.putMembership(ctx, c.Groups[i], membership{
			id: c.ID, endpoint: c.Endpoint, expires: c.ExpiresAt.Unix(), version: version,
		})
	})
	if err != nil {
		return fmt.Errorf("dynamoconn: put connection %.100q: it is registered, but not all its groups list it: %w", c.ID, err)
	}
	return nil
}

// canonical checks a record, and what only this store asks of it.
func (s *Store) canonical(c conn.Conn) (conn.Conn, error) {
	c, err := c.Normalize(s.clock())
	if err != nil {
		return conn.Conn{}, err
	}
	if err := checkSizes(c, len(s.prefix)); err != nil {
		return conn.Conn{}, err
	}
	for _, group := range c.Groups {
		if _, err := s.layout(group); err != nil {
			return conn.Conn{}, err
		}
	}
	return c, nil
}

// putRecord writes the record, if there is none that lives. One that a former attempt has written is this call's own. It
// returns the expired item in whose place it is.
func (s *Store) putRecord(ctx context.Context, c conn.Conn, version int64) (expired item, err error) {
	nonce := make([]byte, 8)
	_, _ = rand.Read(nonce) // it never fails
	out, _, err := do(ctx, s, s.api.PutItem, &dynamodb.PutItemInput{
		TableName:                           &s.table,
		Item:                                s.encodeRecord(c, version, nonce),
		ConditionExpression:                 aws.String("attribute_not_exists(pk) OR exp <= :now"),
		ExpressionAttributeValues:           item{":now": number(s.now())},
		ReturnValues:                        types.ReturnValueAllOld,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if there, ok := refused(err); ok {
		if n, ok := there[attrNonce].(*types.AttributeValueMemberB); ok && bytes.Equal(n.Value, nonce) {
			return nil, nil
		}
		return nil, conn.ErrExists
	}
	if err != nil {
		return nil, fmt.Errorf("dynamoconn: put connection %.100q: %s: %w", c.ID, outcomeOf(err, "it may be registered, without its groups"), err)
	}
	return out.Attributes, nil
}
