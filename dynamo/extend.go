package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Extend puts off the expiry of a connection; see [conn.Store]. It costs 1 write unit for each KB
// of the record and 1 for each group, or 2 for a group that the connection has joined twice, and
// no read. It counts as a sign of life of the connection. It writes the record first, and then the
// memberships at the same time.
func (cs *Connections) Extend(ctx context.Context, id string, until time.Time) (conn.Conn, error) {
	if err := check(ctx, "connection id", id); err != nil {
		return conn.Conn{}, err
	}
	if err := conn.ValidateExpiry(until); err != nil {
		return conn.Conn{}, err
	}
	r, err := cs.extendRecord(ctx, id, until.Unix())
	if errors.Is(err, conn.ErrNotFound) {
		return conn.Conn{}, err
	}
	if err != nil {
		return conn.Conn{}, fmt.Errorf("dynamo: extend connection %q: %s: %w", id,
			table.OutcomeOf(err, "its record may be extended, and its memberships are not"), err)
	}
	err = cs.t.Each(ctx, len(r.Groups), func(i int) error { return cs.extendMembership(ctx, &r, r.Groups[i]) })
	if err != nil {
		return conn.Conn{}, fmt.Errorf("dynamo: extend connection %q: its record is extended, but not all its memberships: %w", id, err)
	}
	return r.Conn, nil
}

// extendRecord puts off the expiry of a record, and returns the new record. A record that expires
// later anyway, or that an attempt whose answer was lost has extended, is returned unchanged.
func (cs *Connections) extendRecord(ctx context.Context, id string, until int64) (registry.Record, error) {
	now := cs.t.Now()
	out, _, err := table.Do(ctx, cs.t, cs.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName:                           &cs.t.Name,
		Key:                                 cs.t.ConnectionKey(id),
		UpdateExpression:                    aws.String("SET exp = :until, seen = :now"),
		ConditionExpression:                 aws.String("exp > :now AND exp < :until"),
		ExpressionAttributeValues:           table.Item{":until": table.Number(until), ":now": table.Number(now)},
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if there, ok := table.Refused(err); ok {
		if expires, err := table.GetNumber(there, table.Expiry); err != nil || expires <= now {
			return registry.Record{}, &conn.NotFoundError{ID: id}
		}
		return registry.DecodeRecord(id, there)
	}
	if err != nil {
		return registry.Record{}, err
	}
	return registry.DecodeRecord(id, out.Attributes)
}

// extendMembership puts off the expiry of a membership that a record names. It changes the row of
// exactly the version that the record has, so that it does not bring back a row that a leave
// deletes meanwhile. If that row does not exist, a call that has written the record may be about
// to write it, with the old expiry. Joining again, if the connection is still a member, writes a
// row of a later version, which keeps that out.
func (cs *Connections) extendMembership(ctx context.Context, r *registry.Record, group string) error {
	if version := r.Entries[group]; version < r.Next {
		extended, err := cs.extendRow(ctx, group, row{id: r.ID, kind: member, version: version, expires: r.ExpiresAt.Unix()})
		if extended || err != nil {
			return err
		}
	}
	m, err := cs.enter(ctx, r.ID, group, "exp > :now AND attribute_exists(#groups.#group)")
	if errors.Is(err, conn.ErrNotFound) {
		return nil // It has left the group, or ended.
	}
	if err != nil {
		return err
	}
	return cs.putMembership(ctx, group, m)
}

// extendRow puts off the expiry of a row, in the part where Join writes it. It reports whether the
// row exists and expires no earlier than wanted.
func (cs *Connections) extendRow(ctx context.Context, group string, m row) (extended bool, err error) {
	layout, err := cs.layout(group)
	if err != nil {
		return false, err
	}
	_, _, err = table.Do(ctx, cs.t, cs.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName:                           &cs.t.Name,
		Key:                                 cs.t.MembershipKey(group, layout.homes(m.id)[0], m.id),
		UpdateExpression:                    aws.String("SET exp = :until"),
		ConditionExpression:                 aws.String("v = :v AND exp < :until"),
		ExpressionAttributeValues:           table.Item{":v": table.Number(m.order()), ":until": table.Number(m.expires)},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if existing, ok := table.Refused(err); ok {
		r, err := decodeRow(existing)
		return err == nil && r.order() == m.order() && r.expires >= m.expires, nil
	}
	if err != nil {
		return false, fmt.Errorf("extend the membership in %q: %w", group, err)
	}
	return true, nil
}
