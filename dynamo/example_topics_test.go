package dynamo_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// An order and the event that announces it are written in one transaction. A call that is repeated
// because its answer was lost changes nothing, and a second order with the same id is refused.
func ExampleTopics_PublishTx() {
	db := exampleDB()
	gateway := wstest.NewRecorder() // in a program, a client of package apigw
	topics := topic.New(db.Topics(), db.Connections(), broadcast.New(gateway, db.Connections()))

	orders, prefix := dynamotest.Table(page{}), dynamotest.Namespace(page{})
	place := func(id, customer, requestID string) {
		order := types.TransactWriteItem{Put: &types.Put{
			TableName: aws.String(orders),
			Item: map[string]types.AttributeValue{
				"pk":       &types.AttributeValueMemberS{Value: prefix + "#order#" + id},
				"sk":       &types.AttributeValueMemberS{Value: "order"},
				"customer": &types.AttributeValueMemberS{Value: customer},
			},
			ConditionExpression: aws.String("attribute_not_exists(pk)"),
		}}
		at, _, err := db.Topics().PublishTx(context.Background(), topics, "orders", "placed", id,
			[]types.TransactWriteItem{order}, topic.WithKey(requestID))
		var canceled *dynamo.CanceledError
		switch {
		case errors.As(err, &canceled):
			fmt.Println("nothing was written:", *canceled.Reasons[0].Code)
		case at.IsZero():
			fmt.Println(err)
		default:
			fmt.Println("order", id, "is event", at.Offset)
		}
	}
	place("17", "ann", "request-1")
	place("17", "ann", "request-1") // again
	place("17", "bob", "request-2")
	// Output:
	// order 17 is event 1
	// order 17 is event 1
	// nothing was written: ConditionalCheckFailed
}
