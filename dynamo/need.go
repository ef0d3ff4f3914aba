package dynamo

import (
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Need returns the need of a table that has all stores of this package. The environment variable is
// the table's name:
//
//	name := dynamo.Need("TABLE")
//	db := dynamo.Open(client, name.Value())
//	...
//	router.DeclareNeeds(name)
//
// A function that uses only some of the stores needs fewer actions: set the field Actions to those
// that the package documentation lists. A sweeper needs more; see sweep.Need.
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
