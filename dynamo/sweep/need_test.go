package sweep_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
)

func TestNeedsAddUp(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	r.DeclareNeeds(apigw.Need("GATEWAY_ENDPOINT"), dynamo.Need("TABLE"), sweep.Need("TABLE"))
	needs := r.Describe().Needs
	require.Len(t, needs, 2)
	require.Equal(t, []string{"execute-api:ManageConnections"}, needs[0].Actions)
	require.Equal(t, []string{
		"dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query",
		"dynamodb:Scan", "dynamodb:UpdateItem",
	}, needs[1].Actions)
}
