package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Leave ends a membership; see [conn.Store]. It costs 2 write units, or for who is no member 1, and 1 read unit. It also
// ends a membership that another call left half done, and that of a connection whose record is gone.
func (cs *Connections) Leave(ctx context.Context, id, group string) error {
	if err := cs.checkMembership(ctx, id, group); err != nil {
		return err
	}
	m, was, err := cs.exit(ctx, id, group)
	said := table.OutcomeOf(err, halfLeft)
	if err == nil {
		said, err = halfLeft, cs.leaveRows(ctx, m, was)
	}
	if err != nil {
		return fmt.Errorf("dynamo: leave %.100q from %.100q: %s: %w", id, group, said, err)
	}
	return nil
}

// halfLeft is what a Leave may have left that did not complete.
const halfLeft = "the record may not name the group any more, which may list the connection"

// leaveRows ends a membership that the record does not name any more; was tells if it did.
func (cs *Connections) leaveRows(ctx context.Context, m ended, was bool) error {
	if was {
		return cs.bury(ctx, m)
	}
	layout, err := cs.layout(m.group)
	if err != nil {
		return err
	}
	for _, part := range layout.homes(m.id) {
		if err := cs.leaveStray(ctx, m.id, m.group, part); err != nil {
			return err
		}
	}
	return nil
}

// leaveStray removes a row that no record stands behind. A row that is seen first, and is not in a record that is looked at
// afterwards, is no join's that is under way: those write the record first.
func (cs *Connections) leaveStray(ctx context.Context, id, group string, part int) error {
	row, live, err := cs.getRow(ctx, group, part, id)
	if err != nil || !live {
		return err
	}
	m, was, err := cs.exit(ctx, id, group)
	if err != nil {
		return err
	}
	if was {
		return cs.bury(ctx, m)
	}
	return cs.buryIn(ctx, part, ended{group, id, row.version})
}

// exit takes a group out of the record. It tells if the record named it. If an attempt was not answered, that may have taken
// out another membership, of a version that is not known: all below the record's next are taken to have ended.
func (cs *Connections) exit(ctx context.Context, id, group string) (m ended, was bool, err error) {
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
		return ended{group: group, id: id}, false, nil
	}
	if err != nil {
		return ended{}, false, fmt.Errorf("update the record: %w", err)
	}
	groups, err := table.GetMap(out.Attributes, registry.AttrGroups)
	if err != nil {
		return ended{}, false, err
	}
	next, err := table.GetNumber(out.Attributes, registry.AttrVersion)
	if err != nil {
		return ended{}, false, err
	}
	if past.Lost {
		return ended{group, id, next - 1}, true, nil
	}
	if _, ok := groups[group]; !ok {
		return ended{group: group, id: id}, false, nil
	}
	entry, err := table.GetNumber(groups, group)
	if err != nil {
		return ended{}, false, err
	}
	return endedMembership(group, id, entry, next), true, nil
}
