package table_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

func TestCreateMakesTheTable(t *testing.T) {
	t.Parallel()
	client, name := dynamotest.Local(t), dynamotest.Namespace(t)
	require.NoError(t, table.Create(t.Context(), client, name))
	requireDefined(t, client, name)
}

func TestCreateIsIdempotent(t *testing.T) {
	t.Parallel()
	client, name := dynamotest.Local(t), dynamotest.Namespace(t)
	require.NoError(t, table.Create(t.Context(), client, name))
	item := map[string]types.AttributeValue{
		table.PartitionKey: &types.AttributeValueMemberS{Value: "p"},
		table.SortKey:      &types.AttributeValueMemberS{Value: "s"},
	}
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: item})
	require.NoError(t, err)

	require.NoError(t, table.Create(t.Context(), client, name))
	requireDefined(t, client, name)
	got, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &name, Key: item})
	require.NoError(t, err)
	require.Equal(t, item, got.Item)
}

func TestCreateByManyAtTheSameTime(t *testing.T) {
	t.Parallel()
	client, name := dynamotest.Local(t), dynamotest.Namespace(t)
	const callers = 8
	errs := make(chan error, callers)
	for range callers {
		go func() { errs <- table.Create(t.Context(), client, name) }()
	}
	for range callers {
		require.NoError(t, <-errs)
	}
	requireDefined(t, client, name)
}

func TestCreateTurnsTimeToLiveOn(t *testing.T) {
	t.Parallel()
	client, name := dynamotest.Local(t), dynamotest.Namespace(t)
	makeTable(t, client, name, types.ScalarAttributeTypeS, "pk", "sk")
	require.NoError(t, table.Create(t.Context(), client, name))
	requireDefined(t, client, name)
}

func TestCreateRefusesAnotherKey(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		kind types.ScalarAttributeType
		keys []string
		want string
	}{
		"names":       {types.ScalarAttributeTypeS, []string{"id", "sk"}, "the key is HASH id (S), RANGE sk (S), want HASH pk (S), RANGE sk (S)"},
		"no sort key": {types.ScalarAttributeTypeS, []string{"pk"}, "the key is HASH pk (S), want HASH pk (S), RANGE sk (S)"},
		"type":        {types.ScalarAttributeTypeB, []string{"pk", "sk"}, "the key is HASH pk (B), RANGE sk (B), want"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, name := dynamotest.Local(t), dynamotest.Namespace(t)
			makeTable(t, client, name, test.kind, test.keys...)
			err := table.Create(t.Context(), client, name)
			require.ErrorIs(t, err, table.ErrMismatch)
			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, name)
		})
	}
}

func TestCreateRefusesAnotherTimeToLive(t *testing.T) {
	t.Parallel()
	client, name := dynamotest.Local(t), dynamotest.Namespace(t)
	makeTable(t, client, name, types.ScalarAttributeTypeS, "pk", "sk")
	_, err := client.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName:               &name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("ttl"), Enabled: aws.Bool(true)},
	})
	require.NoError(t, err)
	err = table.Create(t.Context(), client, name)
	require.ErrorIs(t, err, table.ErrMismatch)
	require.ErrorContains(t, err, `the time-to-live attribute is "ttl", want "exp"`)
}

func TestCreateKeepsToItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, table.Create(ctx, dynamotest.Local(t), dynamotest.Namespace(t)), context.Canceled)
}

func requireDefined(t *testing.T, client *dynamodb.Client, name string) {
	t.Helper()
	table, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
	require.NoError(t, err)
	require.Equal(t, types.TableStatusActive, table.Table.TableStatus)
	require.Equal(t, types.BillingModePayPerRequest, table.Table.BillingModeSummary.BillingMode)
	require.Equal(t, []types.KeySchemaElement{
		{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash},
		{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
	}, table.Table.KeySchema)
	expiry, err := client.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &name})
	require.NoError(t, err)
	require.Equal(t, &types.TimeToLiveDescription{
		AttributeName: aws.String("exp"), TimeToLiveStatus: types.TimeToLiveStatusEnabled,
	}, expiry.TimeToLiveDescription)
}

// makeTable makes a table with keys of any kind.
func makeTable(t *testing.T, client *dynamodb.Client, name string, kind types.ScalarAttributeType, keys ...string) {
	t.Helper()
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest}
	for i, k := range keys {
		definition := types.AttributeDefinition{AttributeName: &k, AttributeType: kind}
		in.AttributeDefinitions = append(in.AttributeDefinitions, definition)
		role := []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}[i]
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: &k, KeyType: role})
	}
	_, err := client.CreateTable(t.Context(), in)
	require.NoError(t, err)
}
