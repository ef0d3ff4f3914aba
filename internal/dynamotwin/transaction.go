package dynamotwin

import (
	"context"
	"errors"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// action is one action of a transaction.
type action struct {
	key       Key
	e         expressions
	condition *string
	tell      types.ReturnValuesOnConditionCheckFailure
	do        func(t *Table, old Item)
}

func actionOf(in types.TransactWriteItem) action {
	switch {
	case in.Put != nil:
		p := in.Put
		return action{
			KeyOf(p.Item),
			expressions{p.ExpressionAttributeNames, p.ExpressionAttributeValues},
			p.ConditionExpression,
			p.ReturnValuesOnConditionCheckFailure, func(t *Table, _ Item) { t.put(KeyOf(p.Item), maps.Clone(p.Item)) },
		}
	case in.Delete != nil:
		d := in.Delete
		return action{
			KeyOf(d.Key),
			expressions{d.ExpressionAttributeNames, d.ExpressionAttributeValues},
			d.ConditionExpression,
			d.ReturnValuesOnConditionCheckFailure, func(t *Table, _ Item) { t.remove(KeyOf(d.Key)) },
		}
	case in.Update != nil:
		u := in.Update
		e := expressions{u.ExpressionAttributeNames, u.ExpressionAttributeValues}
		return action{
			KeyOf(u.Key), e, u.ConditionExpression, u.ReturnValuesOnConditionCheckFailure,
			func(t *Table, old Item) { t.update(KeyOf(u.Key), e, u.Key, old, u.UpdateExpression) },
		}
	default:
		c := in.ConditionCheck
		return action{
			KeyOf(c.Key),
			expressions{c.ExpressionAttributeNames, c.ExpressionAttributeValues},
			c.ConditionExpression,
			c.ReturnValuesOnConditionCheckFailure, func(*Table, Item) {},
		}
	}
}

// TransactWriteItems is that of a client, without ClientRequestToken, which it ignores. Its reasons
// have the codes "None" and "ConditionalCheckFailed".
func (t *Table) TransactWriteItems(
	_ context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var actions []action
	var reasons []types.CancellationReason
	canceled, seen := false, map[Key]bool{}
	for _, it := range in.TransactItems {
		a := actionOf(it)
		if seen[a.key] {
			panic("dynamotwin: a transaction with two actions for one item")
		}
		seen[a.key] = true
		actions = append(actions, a)
		reason := types.CancellationReason{Code: aws.String("None")}
		var refused *types.ConditionalCheckFailedException
		if _, err := t.meets(a.key, a.e, a.condition, a.tell); errors.As(err, &refused) {
			canceled = true
			reason = types.CancellationReason{
				Code: aws.String("ConditionalCheckFailed"), Message: refused.Message, Item: refused.Item,
			}
		}
		reasons = append(reasons, reason)
	}
	if canceled {
		return nil, &types.TransactionCanceledException{
			Message:             aws.String("Transaction cancelled, please refer cancellation reasons for specific reasons"),
			CancellationReasons: reasons,
		}
	}
	for _, a := range actions {
		a.do(t, t.get(a.key))
	}
	return &dynamodb.TransactWriteItemsOutput{}, nil
}
