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

// Join makes a connection a member of a group; see [conn.Store]. It costs 2 write units, even if
// the connection is already a member.
func (cs *Connections) Join(ctx context.Context, id, group string) error {
	if err := cs.checkMembership(ctx, id, group); err != nil {
		return err
	}
	m, err := cs.enter(ctx, id, group, "exp > :now")
	if err != nil {
		return err
	}
	if err := cs.putMembership(ctx, group, m); err != nil {
		return fmt.Errorf("dynamo: join %.100q to %.100q: the record names the group, "+
			"which may not list the connection: %w", id, group, err)
	}
	return nil
}

// enter adds a group to a record that meets a condition, and returns the row to be written. The
// update sets some attributes to themselves so that they are returned.
func (cs *Connections) enter(ctx context.Context, id, group, condition string) (row, error) {
	out, _, err := table.Do(ctx, cs.t, cs.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName: &cs.t.Name,
		Key:       cs.t.ConnectionKey(id),
		UpdateExpression: aws.String("SET #groups.#group = if_not_exists(#groups.#group, :none) + v, v = v + :step, " +
			"seen = :now, exp = exp, ep = ep"),
		ConditionExpression:      aws.String(condition),
		ExpressionAttributeNames: map[string]string{"#groups": registry.AttrGroups, "#group": group},
		ExpressionAttributeValues: table.Item{
			":none": table.Number(0),
			":step": table.Number(2),
			":now":  table.Number(cs.t.Now()),
		},
		ReturnValues: types.ReturnValueUpdatedNew,
	})
	if _, ok := table.Refused(err); ok {
		return row{}, &conn.NotFoundError{ID: id}
	}
	if table.TooLarge(err) {
		return row{}, fmt.Errorf("%w: group %.100q: the record of connection %.100q would have more than %d bytes",
			conn.ErrInvalid, group, id, maxItem)
	}
	if err != nil {
		return row{}, fmt.Errorf("dynamo: join %.100q to %.100q: %s: %w", id, group,
			table.OutcomeOf(err, "the record may name the group, which does not list the connection"), err)
	}
	m, err := decodeRow(out.Attributes)
	if err != nil {
		return row{}, fmt.Errorf("dynamo: join %.100q to %.100q: %w", id, group, err)
	}
	m.id = id
	m.version -= 2 // the record has its next version already
	return m, nil
}

// Leave ends a membership; see [conn.Store]. It costs 2 write units, or 1 write unit and 1 read
// unit if the connection is not a member. It also ends a membership that another call has left
// half done, and one of a connection that has no record any more.
func (cs *Connections) Leave(ctx context.Context, id, group string) error {
	if err := cs.checkMembership(ctx, id, group); err != nil {
		return err
	}
	const halfDone = "the record may not name the group any more, which may list the connection"
	left, err := cs.exit(ctx, id, group)
	outcome := table.OutcomeOf(err, halfDone)
	if err == nil {
		outcome, err = halfDone, cs.leaveRows(ctx, id, group, left)
	}
	if err != nil {
		return fmt.Errorf("dynamo: leave %.100q from %.100q: %s: %w", id, group, outcome, err)
	}
	return nil
}

// leaveRows removes the rows of a group that a record does not name any more.
func (cs *Connections) leaveRows(ctx context.Context, id, group string, left exited) error {
	if left.named {
		return cs.bury(ctx, left.end)
	}
	layout, err := cs.layout(group)
	if err != nil {
		return err
	}
	for _, part := range layout.homes(id) {
		if err := cs.leaveStray(ctx, id, group, part); err != nil {
			return err
		}
	}
	return nil
}

// leaveStray removes a row that no record names. It reads the row first and then looks at the
// record again: a row that was there before and is not named afterwards does not belong to a join
// under way, since joins write the record first.
func (cs *Connections) leaveStray(ctx context.Context, id, group string, part int) error {
	stray, live, err := cs.getRow(ctx, group, part, id)
	if err != nil || !live {
		return err
	}
	left, err := cs.exit(ctx, id, group)
	if err != nil {
		return err
	}
	if left.named {
		return cs.bury(ctx, left.end)
	}
	return cs.buryIn(ctx, part, ended{group: group, id: id, version: stray.version, exact: true})
}

// exited is what exit has found in the record.
type exited struct {
	named bool  // the record named the group
	end   ended // the membership that has ended, if named
}

// exit removes a group from a record.
func (cs *Connections) exit(ctx context.Context, id, group string) (exited, error) {
	out, past, err := table.Do(ctx, cs.t, cs.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName:                &cs.t.Name,
		Key:                      cs.t.ConnectionKey(id),
		UpdateExpression:         aws.String("REMOVE #groups.#group SET v = v + :step, seen = :now"),
		ConditionExpression:      aws.String("attribute_exists(pk)"),
		ExpressionAttributeNames: map[string]string{"#groups": registry.AttrGroups, "#group": group},
		ExpressionAttributeValues: table.Item{
			":step": table.Number(2),
			":now":  table.Number(cs.t.Now()),
		},
		ReturnValues: types.ReturnValueUpdatedOld,
	})
	if _, ok := table.Refused(err); ok {
		return exited{}, nil
	}
	if err != nil {
		return exited{}, fmt.Errorf("update the record: %w", err)
	}
	return decodeExit(id, group, out.Attributes, past.Lost)
}

// decodeExit reads what the record had before. If the answer to an attempt was lost, that attempt
// may have removed another membership, whose version is not known: then all versions below the
// record's next have ended.
func decodeExit(id, group string, old table.Item, lost bool) (exited, error) {
	groups, err := table.GetMap(old, registry.AttrGroups)
	if err != nil {
		return exited{}, err
	}
	next, err := table.GetNumber(old, registry.AttrVersion)
	if err != nil {
		return exited{}, err
	}
	if lost {
		return exited{named: true, end: endOfAll(group, id, next)}, nil
	}
	if _, ok := groups[group]; !ok {
		return exited{}, nil
	}
	entry, err := table.GetNumber(groups, group)
	if err != nil {
		return exited{}, err
	}
	return exited{named: true, end: endOf(group, id, entry, next)}, nil
}

func (cs *Connections) checkMembership(ctx context.Context, id, group string) error {
	if err := check(ctx, "connection id", id); err != nil {
		return err
	}
	if err := checkName("group", group); err != nil {
		return err
	}
	_, err := cs.layout(group)
	return err
}
