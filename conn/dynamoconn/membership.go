package dynamoconn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/internal/dynamotable"
)

// membership is a member of a group as the table has it. An even version is that of a member; an odd one is the mark
// that an ending left where the row of that membership may still come.
type membership struct {
	id       string
	endpoint string
	expires  int64
	version  int64
	part     int // where it was read
}

func (m *membership) live(now int64) bool { return m.version%2 == 0 && m.expires > now }

func encodeMembership(key item, m membership) item {
	key[dynamotable.Expiry] = number(m.expires)
	key[attrVersion] = number(m.version)
	if m.endpoint != "" {
		key[attrEndpoint] = text(m.endpoint)
	}
	return key
}

// putMembership writes a member's row, or the mark of an ending, unless there is a later one. What has expired gives way to
// anything.
func (s *Store) putMembership(ctx context.Context, group string, m membership) error {
	layout, err := s.layout(group)
	if err != nil {
		return err
	}
	return s.putRow(ctx, group, layout.homes(m.id)[0], m)
}

func (s *Store) putRow(ctx context.Context, group string, part int, m membership) error {
	_, _, err := do(ctx, s, s.api.PutItem, &dynamodb.PutItemInput{
		TableName:           &s.table,
		Item:                encodeMembership(s.membershipKey(group, part, m.id), m),
		ConditionExpression: aws.String("attribute_not_exists(pk) OR v <= :v OR exp <= :now"),
		ExpressionAttributeValues: item{
			":v":   number(m.version),
			":now": number(s.now()),
		},
	})
	if _, ok := refused(err); ok {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write the membership in %q: %w", group, err)
	}
	return nil
}

// markLife is how long the mark of an ending keeps out the row that it was left for. No call in Lambda takes longer
// (AWS Lambda Developer Guide, "Lambda quotas": 15 minutes).
const markLife = 15 * time.Minute

// ended is a membership that its record does not name any more.
type ended struct {
	group, id string
	// version is that of the row. If several calls have written it, this is an odd one, above all of theirs.
	version int64
}

// endedMembership gives the membership that a record's entry stood for; next is the record's next version.
func endedMembership(group, id string, entry, next int64) ended {
	if entry >= next {
		return ended{group, id, next - 1}
	}
	return ended{group, id, entry}
}

// bury removes the row of a membership that has ended, from wherever it may be.
func (s *Store) bury(ctx context.Context, m ended) error {
	layout, err := s.layout(m.group)
	if err != nil {
		return err
	}
	for _, part := range layout.homes(m.id) {
		if err := s.buryIn(ctx, part, m); err != nil {
			return err
		}
	}
	return nil
}

// buryIn deletes the row if it is the one that the entry stood for. Where that one is not there, it may still come from a
// call that has written the record and not yet the row; a mark keeps it out. A later row is left alone.
func (s *Store) buryIn(ctx context.Context, part int, m ended) error {
	if m.version%2 == 0 {
		done, err := s.deleteRow(ctx, part, m)
		if done || err != nil {
			return err
		}
		m.version++
	}
	mark := membership{id: m.id, version: m.version, expires: s.clock().Add(markLife).Unix()}
	return s.putRow(ctx, m.group, part, mark)
}

// deleteRow deletes the row of exactly one version. It tells if nothing is left to do: the row is gone, or it is of a
// later version.
func (s *Store) deleteRow(ctx context.Context, part int, m ended) (done bool, err error) {
	_, _, err = do(ctx, s, s.api.DeleteItem, &dynamodb.DeleteItemInput{
		TableName:                           &s.table,
		Key:                                 s.membershipKey(m.group, part, m.id),
		ConditionExpression:                 aws.String("v = :v"),
		ExpressionAttributeValues:           item{":v": number(m.version)},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if there, ok := refused(err); ok {
		version, err := getNumber(there, attrVersion)
		return err == nil && version > m.version, nil
	}
	if err != nil {
		return false, fmt.Errorf("delete the membership in %q: %w", m.group, err)
	}
	return true, nil
}

// getRow reads a membership. It tells if there is one that has neither ended nor expired.
func (s *Store) getRow(ctx context.Context, group string, part int, id string) (m membership, live bool, err error) {
	out, _, err := do(ctx, s, s.api.GetItem, &dynamodb.GetItemInput{
		TableName:      &s.table,
		Key:            s.membershipKey(group, part, id),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return membership{}, false, fmt.Errorf("read the membership in %q: %w", group, err)
	}
	if out.Item == nil {
		return membership{}, false, nil
	}
	if m, err = decodeMembership(out.Item); err != nil {
		return membership{}, false, err
	}
	return m, m.live(s.now()), nil
}

func decodeMembership(it item) (m membership, err error) {
	var errs [4]error
	m.id, errs[0] = getText(it, dynamotable.SortKey)
	m.endpoint, errs[1] = getText(it, attrEndpoint)
	m.expires, errs[2] = getNumber(it, dynamotable.Expiry)
	m.version, errs[3] = getNumber(it, attrVersion)
	if err := errors.Join(errs[:]...); err != nil {
		return membership{}, fmt.Errorf("the item of %q is no membership: %w", m.id, err)
	}
	return m, nil
}
