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

// Join makes a connection a member of a group; see [conn.Store]. It costs 2 write units, also for who is a member already.
func (cs *Connections) Join(ctx context.Context, id, group string) error {
	if err := cs.checkMembership(ctx, id, group); err != nil {
		return err
	}
	m, err := cs.enter(ctx, id, group, "exp > :now")
	if err != nil {
		return err
	}
	if err := cs.putMembership(ctx, group, m); err != nil {
		return fmt.Errorf("dynamo: join %.100q to %.100q: the record names the group, which may not list the connection: %w", id, group, err)
	}
	return nil
}

// enter adds a group to a record that meets a condition, and returns the membership to be written. The values that the update
// sets to themselves are there to be returned.
func (cs *Connections) enter(ctx context.Context, id, group, condition string) (membership, error) {
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
		return membership{}, &conn.NotFoundError{ID: id}
	}
	if table.TooLarge(err) {
		return membership{}, fmt.Errorf("%w: group %.100q: the record of connection %.100q would have more than %d bytes",
			conn.ErrInvalid, group, id, maxItem)
	}
	if err != nil {
		return membership{}, fmt.Errorf("dynamo: join %.100q to %.100q: %s: %w", id, group,
			table.OutcomeOf(err, "the record may name the group, which does not list the connection"), err)
	}
	m, err := decodeMembership(out.Attributes)
	if err != nil {
		return membership{}, fmt.Errorf("dynamo: join %.100q to %.100q: %w", id, group, err)
	}
	m.id = id
	m.version -= 2
	return m, nil
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
