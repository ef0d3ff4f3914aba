package dynamotest_test

import (
	"regexp"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/dynamotest"
)

func TestManyCallsAtATime(t *testing.T) {
	t.Parallel()
	client, table := dynamotest.Client(t), dynamotest.Table(t)
	require.Same(t, client, dynamotest.Client(t))
	var calls sync.WaitGroup
	for range 64 {
		calls.Go(func() {
			item := map[string]types.AttributeValue{
				"pk": &types.AttributeValueMemberS{Value: "@" + dynamotest.Namespace(t) + "#p"},
				"sk": &types.AttributeValueMemberS{Value: "s"},
			}
			_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item})
			if err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
}

func TestNamespacesDiffer(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 1000 {
		name := dynamotest.Namespace(t)
		require.Regexp(t, regexp.MustCompile(`^[a-z0-9]{3,40}$`), name)
		require.False(t, seen[name])
		seen[name] = true
	}
}
