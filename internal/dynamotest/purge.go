package dynamotest

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// purge deletes every item whose partition key begins with "@" and the prefix: those of all
// namespaces of a run, in one pass over the table.
func (d database) purge(ctx context.Context, prefix string) error {
	pages := dynamodb.NewScanPaginator(d.client, &dynamodb.ScanInput{
		TableName:                 &d.table,
		ConsistentRead:            aws.Bool(true),
		FilterExpression:          aws.String("begins_with(#pk, :prefix)"),
		ProjectionExpression:      aws.String("#pk, #sk"),
		ExpressionAttributeNames:  map[string]string{"#pk": "pk", "#sk": "sk"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":prefix": &types.AttributeValueMemberS{Value: "@" + prefix}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("dynamotest: find what the tests left on %s: %w", d.table, err)
		}
		for _, item := range page.Items {
			if _, err := d.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &d.table, Key: item}); err != nil {
				return fmt.Errorf("dynamotest: delete what the tests left on %s: %w", d.table, err)
			}
		}
	}
	return nil
}
