package dynamolimit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/internal/dynamotable"
	"github.com/gatesock/gatesock/ratelimit"
)

// attrCount is how many units are used.
const attrCount = "n"

// Use counts n units in one conditional write: 1 write unit, also if they are refused. It fails as [Store.Take] does.
func (s *Store) Consume(ctx context.Context, key string, start, end time.Time, n, maximum int64) (ratelimit.Usage, error) {
	if err := checkKey(key); err != nil {
		return ratelimit.Usage{}, err
	}
	if n > maximum {
		return ratelimit.Usage{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	out, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: s.key(key, "q#"+strconv.FormatInt(start.Unix(), 10)),
		UpdateExpression:    aws.String("ADD " + attrCount + " :n SET " + dynamotable.Expiry + " = :exp"),
		ConditionExpression: aws.String("attribute_not_exists(" + attrCount + ") OR " + attrCount + " <= :most"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":n": number(n), ":most": number(maximum - n), ":exp": number(end.Add(margin).Unix() + 1),
		},
		ReturnValues:                        types.ReturnValueUpdatedNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}, once)
	var failed *types.ConditionalCheckFailedException
	used := ratelimit.Usage{Allowed: true}
	switch {
	case errors.As(err, &failed):
		used.Allowed = false
		used.Total, err = numberOf(failed.Item, attrCount)
	case err == nil:
		used.Total, err = numberOf(out.Attributes, attrCount)
	}
	if err != nil {
		return ratelimit.Usage{}, fmt.Errorf("dynamolimit: use %d units of %.60q: %w", n, key, marked(err))
	}
	return used, nil
}
