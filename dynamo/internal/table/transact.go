package table

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Transactor is what transactions call; a [*dynamodb.Client] implements it. It is not in [API], so
// that a client without transactions can be used for everything else.
type Transactor interface {
	TransactWriteItems(
		context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options),
	) (*dynamodb.TransactWriteItemsOutput, error)
}

// MaxTransactItems is how many items a transaction can write (Amazon DynamoDB API Reference,
// "TransactWriteItems").
const MaxTransactItems = 100

// Transactor returns the client as a [Transactor], or an error that says what to do.
func (t *Table) Transactor() (Transactor, error) {
	client, ok := t.API.(Transactor)
	if !ok {
		return nil, fmt.Errorf("the client, a %T, has no method TransactWriteItems: pass a *dynamodb.Client to Open", t.API)
	}
	return client, nil
}

// PutIf returns the write of an item on a condition. If the condition does not hold, the reason has
// the item that it met.
func (t *Table) PutIf(it Item, condition string, values Item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &t.Name, Item: it, ConditionExpression: &condition, ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}
}

// Reason is why a transaction was canceled, for one of its items.
type Reason struct {
	// Refused is true if the item's condition did not hold; Item is what it met, if it asked for
	// it.
	Refused bool
	Item    Item
	// Invalid is true if the item can never be written as it is, and Message says why.
	Invalid bool
	Message string
}

// Canceled reports whether a transaction was not carried out because of its items, and returns the
// reason of each. It returns false if the transaction may be repeated, since another request was
// using one of the items, or there was no capacity for it.
func Canceled(err error) ([]Reason, bool) {
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		return nil, false
	}
	final := false
	reasons := make([]Reason, len(canceled.CancellationReasons))
	for i, r := range canceled.CancellationReasons {
		switch aws.ToString(r.Code) {
		case "ConditionalCheckFailed":
			reasons[i] = Reason{Refused: true, Item: r.Item}
			final = true
		case "ValidationError", "ItemCollectionSizeLimitExceeded":
			reasons[i] = Reason{Invalid: true, Message: aws.ToString(r.Message)}
			final = true
		}
	}
	return reasons, final
}
