package dynamotest

import (
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
)

// TestPurgeDeletesTheRunsItemsOnly stands for the end of a run on a real table.
func TestPurgeDeletesTheRunsItemsOnly(t *testing.T) {
	t.Parallel()
	f := &fixture{run: "purged"}
	d := database{client: Local(t), table: Namespace(t)}
	require.NoError(t, dynamo.Open(d.client, d.table).CreateTable(t.Context()))
	put := func(pk string) {
		in := &dynamodb.PutItemInput{TableName: &d.table, Item: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: pk},
			"sk": &types.AttributeValueMemberS{Value: "s"},
		}}
		_, err := d.client.PutItem(t.Context(), in)
		require.NoError(t, err)
	}
	for i := range 40 {
		put("@" + f.namespace() + "#" + strconv.Itoa(i))
	}
	put("c#purged")
	put("@another#c#1")
	require.NoError(t, d.purge(t.Context(), f.run))
	left, err := d.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &d.table})
	require.NoError(t, err)
	require.Len(t, left.Items, 2)
}
