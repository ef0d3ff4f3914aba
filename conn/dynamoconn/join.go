package dynamoconn

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/conn"
)

// Join makes a connection a member of a group; see [conn.Store]. It costs 2 write units, also for who is a member already.
func (s *Store) Join(ctx context.Context, id, group string) error {
	if err := s.checkMembership(ctx, id, group); err != nil {
		return err
	}
	m, err := s.enter(ctx, id, group, "exp > :now")
	if err != nil {
		return err
	}
	if err := s.putMembership(ctx, group, m); err != nil {
		return fmt.Errorf("dynamoconn: join %.100q to %.100q: the record names the group, which may not list the connection: %w", id, group, err)
	}
	return nil
}

// enter adds a group to a record that meets a condition, and returns the membership to be written. The values that the update
// sets to themselves are there to be returned.
func (s *Store) enter(ctx context.Context, id, group, condition string) (membership, error) {
	out, _, err := do(ctx, s, s.api.UpdateItem, &dynamodb.UpdateItemInput{
		TableName: &s.table,
		Key:       s.connectionKey(id),
		UpdateExpression: aws.String("SET #groups.#group = if_not_exists(#groups.#group, :none) + v, v = v + :step, " +
			"seen = :now, exp = exp, ep = ep"),
		ConditionExpression:      aws.String(condition),
		ExpressionAttributeNames: map[string]string{"#groups": attrGroups, "#group": group},
		ExpressionAttributeValues: item{
			":none": number(0),
			":step": number(2),
			":now":  number(s.now()),
		},
		ReturnValues: types.ReturnValueUpdatedNew,
	})
	if _, ok := refused(err); ok {
		return membership{}, &conn.NotFoundError{ID: id}
	}
	if tooLarge(err) {
		return membership{}, fmt.Errorf("%w: group %.100q: the record of connection %.100q would have more than %d bytes",
			conn.ErrInvalid, group, id, maxItem)
	}
	if err != nil {
		return membership{}, fmt.Errorf("dynamoconn: join %.100q to %.100q: %s: %w", id, group,
			outcomeOf(err, "the record may name the group, which does not list the connection"), err)
	}
	m, err := decodeMembership(out.Attributes)
	if err != nil {
		return membership{}, fmt.Errorf("dynamoconn: join %.100q to %.100q: %w", id, group, err)
	}
	m.id = id
	m.version -= 2
	return m, nil
}

func (s *Store) checkMembership(ctx context.Context, id, group string) error {
	if err := check(ctx, "connection id", id); err != nil {
		return err
	}
	if err := checkName("group", group); err != nil {
		return err
	}
	_, err := s.layout(group)
	return err
}
