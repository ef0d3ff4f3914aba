package sweep

import (
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Needs returns the needs of a [Sweeper]: the table, whose name one environment variable has, and
// the right to ask about connections and to close them, with the API's endpoint in another. The
// variables may be those of other needs:
//
//	router.DeclareNeeds(dynamo.Need("TABLE"), apigw.Need("GATEWAY_ENDPOINT"))
//	router.DeclareNeeds(sweep.Needs("TABLE", "GATEWAY_ENDPOINT")...)
func Needs(tableVariable, endpointVariable string) []gatesock.Need {
	return []gatesock.Need{
		{
			Kind:     gatesock.NeedTable,
			Variable: tableVariable,
			Actions:  []string{"dynamodb:DeleteItem", "dynamodb:Scan", "dynamodb:UpdateItem"},
			Table:    table.Keys(),
		},
		{
			Kind:     gatesock.NeedConnections,
			Variable: endpointVariable,
			Actions:  []string{"execute-api:ManageConnections"},
		},
	}
}
