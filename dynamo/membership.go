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

// A connection has one place in each part of a group: the item with its id. The row in it is a
// member, or a tombstone that the end of a membership has left. Each membership has a version,
// which is even; the version attribute is the version itself for a member, and one more for the
// tombstone of that version. Writes compare it, so that they come out the same in whatever order
// they arrive:
//
//	in the place               put member V                  bury V
//	nothing                    written                       tombstone V written
//	expired, or malformed      replaced                      replaced by tombstone V
//	member below V             replaced, keeps the guard     replaced by tombstone V
//	member V                   replaced (1)                  deleted, unless guarded (2)
//	member above V             left                          left, guarded (3)
//	tombstone below V          replaced, keeps the guard     replaced by tombstone V
//	tombstone V                left                          renewed
//	tombstone above V          left                          left, guarded (3)
//
//	(1) unless its expiry is later: Extend has put it off.
//	(2) then it is replaced by tombstone V.
//	(3) The guard is a time until which this place must keep out rows below it, as the tombstone
//	    would have. When the later membership ends, a tombstone takes its place instead of nothing.
//
// A tombstone and a guard keep out the row of a call that has written the record and not yet its
// row, when the membership has ended meanwhile. Both last for tombstoneLife.

// kind is what a row is.
type kind int

const (
	member kind = iota
	tombstone
)

// row is the item of a connection in a part of a group.
type row struct {
	id       string
	kind     kind
	version  int64 // of the membership
	endpoint string
	expires  int64
	part     int // where it was read
}

// order is the version attribute, by which rows of one connection are ordered.
func (r *row) order() int64 {
	if r.kind == tombstone {
		return r.version + 1
	}
	return r.version
}

func (r *row) live(now int64) bool { return r.kind == member && r.expires > now }

func decodeRow(it table.Item) (r row, err error) {
	var errs [4]error
	r.id, errs[0] = table.GetText(it, table.SortKey)
	r.endpoint, errs[1] = table.GetText(it, registry.AttrEndpoint)
	r.expires, errs[2] = table.GetNumber(it, table.Expiry)
	r.version, errs[3] = table.GetNumber(it, registry.AttrVersion)
	if err := errors.Join(errs[:]...); err != nil {
		return row{id: r.id}, fmt.Errorf("the item of %.100q is not a membership: %w", r.id, err)
	}
	if r.version%2 != 0 {
		r.kind, r.version = tombstone, r.version-1
	}
	return r, nil
}

// putMembership writes a member's row, unless there is a later one.
func (cs *Connections) putMembership(ctx context.Context, group string, m row) error {
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

// confirm is for a row that was written after an attempt whose answer was lost. That attempt may
// have written the row, too, or may still write it: so the row guards its place, and the end of the
// membership leaves a tombstone. If a leave was faster, and has deleted the row, nobody would
// delete the second one: a tombstone takes its place. The row of an expired record that names the
// group is left alone: it expires with the record, or an Extend that read the clock before has put
// off both.
func (cs *Connections) confirm(ctx context.Context, group string, part int, m row) error {
	before := row{id: m.id, kind: tombstone, version: m.version - 2, expires: cs.t.Clock().Add(tombstoneLife).Unix()}
	if _, err := cs.guardRow(ctx, part, before, group); err != nil {
		return err
	}
	r, err := cs.reg.ReadRecord(ctx, m.id)
	if err == nil && slices.Contains(r.Groups, group) {
		return nil
	}
	if err != nil && !errors.Is(err, conn.ErrNotFound) {
		return fmt.Errorf("read the record: %w", err)
	}
	return cs.buryIn(ctx, part, ended{group: group, id: m.id, version: m.version})
}

// putRow writes a row as the table above has it, and reports whether it did.
func (cs *Connections) putRow(
	ctx context.Context, group string, part int, r row,
) (written bool, past table.Attempts, err error) {
	set, remove := "SET exp = :exp, v = :v", ""
	values := table.Item{
		":exp": table.Number(r.expires), ":v": table.Number(r.order()), ":now": table.Number(cs.t.Now()),
	}
	if r.endpoint != "" {
		set += ", ep = :ep"
		values[":ep"] = table.Text(r.endpoint)
	} else {
		remove = " REMOVE ep"
	}
	condition := "NOT (exp > :now AND (v > :v OR v = :v AND exp > :exp))"
	if r.kind == tombstone {
		set += ", " + registry.AttrGuard + " = :exp"
		condition = "NOT (v > :v AND exp > :now)"
	}
	_, past, err = table.Do(ctx, cs.t, cs.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName:                 &cs.t.Name,
		Key:                       cs.t.MembershipKey(group, part, r.id),
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

// tombstoneLife is longer than any call in Lambda takes (AWS Lambda Developer Guide, "Lambda
// quotas": 15 minutes).
const tombstoneLife = 15 * time.Minute

// maxBurials is how often buryIn tries to bury a row that changes meanwhile.
const maxBurials = 10

// ended is a membership that its record does not name any more.
type ended struct {
	group, id string
	version   int64
	// exact is true if one call has written the row, with this version, so that it can be deleted.
	// Otherwise all versions up to this one have ended, and only a tombstone ends them all.
	exact bool
}

// endOf returns the end of the membership that a record's entry stands for; next is the record's
// next version. An entry of next or more is a sum: several calls have written the membership.
func endOf(group, id string, entry, next int64) ended {
	if entry >= next {
		return endOfAll(group, id, next)
	}
	return ended{group: group, id: id, version: entry, exact: true}
}

// endOfAll returns the end of all memberships below the record's next version.
func endOfAll(group, id string, next int64) ended {
	return ended{group: group, id: id, version: next - 2}
}

// bury removes the row of a membership that has ended from each place where it may be.
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

// buryIn does in one place what the table above says under "bury V".
func (cs *Connections) buryIn(ctx context.Context, part int, m ended) error {
	if m.exact {
		deleted, err := cs.deleteRow(ctx, part, m)
		if deleted || err != nil {
			return err
		}
	}
	for range maxBurials { // the second round comes only if a row appears or disappears between the two writes
		until := cs.t.Clock().Add(tombstoneLife).Unix()
		stone := row{id: m.id, kind: tombstone, version: m.version, expires: until}
		written, _, err := cs.putRow(ctx, m.group, part, stone)
		if written || err != nil {
			return err
		}
		guarded, err := cs.guardRow(ctx, part, stone, m.group)
		if guarded || err != nil {
			return err
		}
	}
	return fmt.Errorf("the membership in %.100q changes each time it is to be deleted", m.group)
}

// deleteRow deletes the member of exactly one version, unless it guards its place, and reports
// whether it did.
func (cs *Connections) deleteRow(ctx context.Context, part int, m ended) (deleted bool, err error) {
	_, _, err = table.Do(ctx, cs.t, cs.t.API.DeleteItem, &dynamodb.DeleteItemInput{
		TableName:           &cs.t.Name,
		Key:                 cs.t.MembershipKey(m.group, part, m.id),
		ConditionExpression: aws.String("v = :v AND (attribute_not_exists(m) OR m <= :now)"),
		ExpressionAttributeValues: table.Item{
			":v": table.Number(m.version), ":now": table.Number(cs.t.Now()),
		},
	})
	if _, ok := table.Refused(err); ok {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("delete the membership in %.100q: %w", m.group, err)
	}
	return true, nil
}

// guardRow makes a row that is later than a tombstone guard its place, and reports whether there
// was one.
func (cs *Connections) guardRow(ctx context.Context, part int, stone row, group string) (guarded bool, err error) {
	_, _, err = table.Do(ctx, cs.t, cs.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName:           &cs.t.Name,
		Key:                 cs.t.MembershipKey(group, part, stone.id),
		UpdateExpression:    aws.String("SET m = :until"),
		ConditionExpression: aws.String("v > :v"),
		ExpressionAttributeValues: table.Item{
			":v": table.Number(stone.order()), ":until": table.Number(stone.expires),
		},
	})
	if _, ok := table.Refused(err); ok {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("guard the place of the membership in %.100q: %w", group, err)
	}
	return true, nil
}

// getRow reads a row, and reports whether it is that of a member that has not expired. A malformed
// item is not.
func (cs *Connections) getRow(ctx context.Context, group string, part int, id string) (r row, live bool, err error) {
	out, _, err := table.Do(ctx, cs.t, cs.t.API.GetItem, &dynamodb.GetItemInput{
		TableName:      &cs.t.Name,
		Key:            cs.t.MembershipKey(group, part, id),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return row{}, false, fmt.Errorf("read the membership in %.100q: %w", group, err)
	}
	if r, err = decodeRow(out.Item); err != nil {
		return row{}, false, nil //nolint:nilerr // A malformed item is not a membership.
	}
	return r, r.live(cs.t.Now()), nil
}
