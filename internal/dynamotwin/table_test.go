package dynamotwin_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/dynamotwin"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

// Random requests, of DynamoDB and of the twin.
func TestTwinAnswersAsDynamoDBDoes(t *testing.T) {
	t.Parallel()
	client, table := dynamotest.Client(t), dynamotest.Table(t)
	rapid.Check(t, func(rt *rapid.T) {
		r := random{rt, table, dynamotest.Namespace(t)}
		api := dynamotwin.Compare(client)
		for range rapid.IntRange(5, 30).Draw(rt, "requests") {
			request := rapid.SampledFrom([]func(context.Context, dynamotwin.API) error{
				r.put, r.put, r.change, r.remove, r.transaction, r.transaction, r.get, r.batch, r.query, r.query,
			}).Draw(rt, "request")
			if err := request(t.Context(), api); err != nil {
				require.NotErrorIs(rt, err, dynamotwin.ErrUnlike)
				require.NotContains(rt, err.Error(), "ValidationException")
			}
		}
	})
}

func TestExpiredItemsAreRemovedOneByOne(t *testing.T) {
	t.Parallel()
	table, now := dynamotwin.New(), time.Unix(1000, 0)
	for sort, exp := range map[string]int{"a": 999, "b": 1000, "c": 1001} {
		_, err := table.PutItem(t.Context(), &dynamodb.PutItemInput{
			Item: dynamotwin.Item{"pk": text("p"), "sk": text(sort), "exp": number(exp)},
		})
		require.NoError(t, err)
	}
	require.Equal(t, []dynamotwin.Key{{Partition: "p", Sort: "a"}, {Partition: "p", Sort: "b"}}, table.Expired(now))
	table.Remove(dynamotwin.Key{Partition: "p", Sort: "b"})
	require.Equal(t, []dynamotwin.Key{{Partition: "p", Sort: "a"}}, table.Expired(now))
	require.Len(t, table.Items(), 2)
}
