package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
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

// putMembership writes a member's row, unless there is a later one.
func (cs *Connections) putMembership(ctx context.Context, group string, m membership) error {
	layout, err := cs.layout(group)
	if err != nil {
		return err
	}
	part := layout.homes(m.id)[0]
	written, past, err := cs.putRow(ctx, group, part, m)
	if err != nil || !written || !past.Lost {
		return err
	}
	return cs.confirm(ctx, group, part, m)
}

// confirm is for a row that was written after an attempt whose answer was lost. That attempt may have written it as well, and
// a leave deleted it in between: then nobody would delete what has come back. A record that has expired and names the group
// is left alone: the row expires with it, or an Extend that read the clock before has put off both.
func (cs *Connections) confirm(ctx context.Context, group string, part int, m membership) error {
	r, err := cs.reg.ReadRecord(ctx, m.id)
	if err == nil && slices.Contains(r.Groups, group) {
		return nil
	}
	if err != nil && !errors.Is(err, conn.ErrNotFound) {
		return fmt.Errorf("read the record: %w", err)
	}
	return cs.buryIn(ctx, part, ended{group, m.id, m.version})
}

// putRow writes a member's row, or the mark of an ending, unless there is a later one, or the same row with an expiry that was
// put off. What has expired, and what somebody else has put there, gives way to anything. A row in the place of a mark keeps
// the mark's guard.
func (cs *Connections) putRow(ctx context.Context, group string, part int, m membership) (written bool, past table.Attempts, err error) {
	set, remove := "SET exp = :exp, v = :v", ""
	values := table.Item{":exp": table.Number(m.expires), ":v": table.Number(m.version), ":now": table.Number(cs.t.Now())}
	if m.endpoint != "" {
		set += ", ep = :ep"
		values[":ep"] = table.Text(m.endpoint)
	} else {
		remove = " REMOVE ep"
	}
	condition := "NOT (exp > :now AND (v > :v OR v = :v AND exp > :exp))"
	if m.version%2 != 0 {
		set += ", " + registry.AttrGuard + " = :exp"
		condition = "NOT (v > :v AND exp > :now)"
	}
	_, past, err = table.Do(ctx, cs.t, cs.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName:                 &cs.t.Name,
		Key:                       cs.t.MembershipKey(group, part, m.id),
		UpdateExpression:          aws.String(set + remove),
		ConditionExpression:       aws.String(condition),
		ExpressionAttributeValues: values,
	})
	if _, ok := table.Refused(err); ok {
		return false, past, nil
	}
	if err != nil {
		return false, past, fmt.Errorf("write the membership in %.100q: %w", group, err)
	}
	return true, past, nil
}

// markLife is how long the mark of an ending keeps out the row that it was left for. No call in Lambda takes longer
// (AWS Lambda Developer Guide, "Lambda quotas": 15 minutes).
const markLife = 15 * time.Minute

// maxBurials is how often a row that changes meanwhile is tried to be buried.
const maxBurials = 10

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
func (cs *Connections) bury(ctx context.Context, m ended) error {
	layout, err := cs.layout(m.group)
	if err != nil {
		return err
	}
	for _, part := range layout.homes(m.id) {
		if err := cs.buryIn(ctx, part, m); err != nil {
			return err
		}
	}
	return nil
}

// buryIn deletes the row if it is the one that the entry stood for. Where that one is not there, it may still come from a
// call that has written the record and not yet the row; a mark keeps it out. A later row is left in its place, but from
// then on it guards that place as the mark would: when that membership ends, in its turn, a mark takes the place
// of its row.
func (cs *Connections) buryIn(ctx context.Context, part int, m ended) error {
	if m.version%2 == 0 {
		deleted, err := cs.deleteRow(ctx, part, m)
		if deleted || err != nil {
			return err
		}
		m.version++
	}
	for range maxBurials { // it goes round only if a row comes or goes between the two
		until := cs.t.Clock().Add(markLife).Unix()
		marked, _, err := cs.putRow(ctx, m.group, part, membership{id: m.id, version: m.version, expires: until})
		if marked || err != nil {
			return err
		}
		guarded, err := cs.guardRow(ctx, part, m, until)
		if guarded || err != nil {
			return err
		}
	}
	return fmt.Errorf("the membership in %.100q changes each time it is to be deleted", m.group)
}

// deleteRow deletes the row of exactly one version, unless it guards its place.
func (cs *Connections) deleteRow(ctx context.Context, part int, m ended) (deleted bool, err error) {
	_, _, err = table.Do(ctx, cs.t, cs.t.API.DeleteItem, &dynamodb.DeleteItemInput{
		TableName:                 &cs.t.Name,
		Key:                       cs.t.MembershipKey(m.group, part, m.id),
		ConditionExpression:       aws.String("v = :v AND (attribute_not_exists(m) OR m <= :now)"),
		ExpressionAttributeValues: table.Item{":v": table.Number(m.version), ":now": table.Number(cs.t.Now())},
	})
	if _, ok := table.Refused(err); ok {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("delete the membership in %.100q: %w", m.group, err)
	}
	return true, nil
}

// guardRow makes a later row guard its place. It tells if there was one.
func (cs *Connections) guardRow(ctx context.Context, part int, m ended, until int64) (guarded bool, err error) {
	_, _, err = table.Do(ctx, cs.t, cs.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName:                 &cs.t.Name,
		Key:                       cs.t.MembershipKey(m.group, part, m.id),
		UpdateExpression:          aws.String("SET m = :until"),
		ConditionExpression:       aws.String("v > :v"),
		ExpressionAttributeValues: table.Item{":v": table.Number(m.version), ":until": table.Number(until)},
	})
	if _, ok := table.Refused(err); ok {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("guard the place of the membership in %.100q: %w", m.group, err)
	}
	return true, nil
}

// getRow reads a membership. It tells if there is one that has neither ended nor expired; an item that is none is not
// one.
func (cs *Connections) getRow(ctx context.Context, group string, part int, id string) (m membership, live bool, err error) {
	out, _, err := table.Do(ctx, cs.t, cs.t.API.GetItem, &dynamodb.GetItemInput{
		TableName:      &cs.t.Name,
		Key:            cs.t.MembershipKey(group, part, id),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return membership{}, false, fmt.Errorf("read the membership in %.100q: %w", group, err)
	}
	if m, err = decodeMembership(out.Item); err != nil {
		return membership{}, false, nil //nolint:nilerr // No item is no membership either.
	}
	return m, m.live(cs.t.Now()), nil
}

func decodeMembership(it table.Item) (m membership, err error) {
	var errs [4]error
	m.id, errs[0] = table.GetText(it, table.SortKey)
	m.endpoint, errs[1] = table.GetText(it, registry.AttrEndpoint)
	m.expires, errs[2] = table.GetNumber(it, table.Expiry)
	m.version, errs[3] = table.GetNumber(it, registry.AttrVersion)
	if err := errors.Join(errs[:]...); err != nil {
		return membership{}, fmt.Errorf("the item of %.100q is no membership: %w", m.id, err)
	}
	return m, nil
}
