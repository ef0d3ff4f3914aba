package sweep

import (
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Need returns what a [Sweeper] needs of the table besides what other users of the table need. The
// variable is that of their dynamo.Need, so that both are one need. To ask about connections and to
// close them, a program also needs apigw.Need:
//
//	router.DeclareNeeds(apigw.Need("GATEWAY_ENDPOINT"), dynamo.Need("TABLE"), sweep.Need("TABLE"))
func Need(variable string) gatesock.Need {
	return gatesock.Need{
		Kind:     gatesock.NeedTable,
		Variable: variable,
		Actions:  []string{"dynamodb:DeleteItem", "dynamodb:Scan", "dynamodb:UpdateItem"},
		Table:    table.Keys(),
	}
}
