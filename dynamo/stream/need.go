package stream

import (
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Need returns what a [Handler] needs: the stream of the table, by the source
// eventmux.DynamoDB(eventmux.Any, handler). The variable is that of the table's dynamo.Need, so
// that both are one need.
func Need(variable string) gatesock.Need {
	return gatesock.Need{
		Kind:     gatesock.NeedTable,
		Variable: variable,
		Source:   "*",
		Actions:  []string{"dynamodb:BatchGetItem"},
		Table:    table.Keys(),
	}
}
