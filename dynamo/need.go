package dynamo

import (
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Need returns the need of a table for all stores of this package, whose name the environment
// variable has:
//
//	name := dynamo.Need("TABLE")
//	db := dynamo.Open(client, name.Value())
//	...
//	router.DeclareNeeds(name)
//
// A function that uses only some of the stores needs fewer actions; see the package documentation,
// and change Actions. Package sweep has a Need of its own, for the same variable.
func Need(variable string) gatesock.Need {
	return gatesock.Need{
		Kind:     gatesock.NeedTable,
		Variable: variable,
		Actions: []string{
			"dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem",
			"dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem",
		},
		Table: table.Keys(),
	}
}
