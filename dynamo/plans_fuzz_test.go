package dynamo

import (
	"testing"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Nothing in the table makes the reader panic, and every result is a plan, which survives a round
// trip.
func FuzzDecodePlan(f *testing.F) {
	f.Add(`{"rate":1,"burst":2,"quotas":[{"max":3,"per":"week","zone":"Europe/Berlin"}]}`)
	f.Add(`{"rate":-1,"burst":1e9}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		it := table.Item{table.SortKey: table.Text("x"), attrPlan: table.Text(text)}
		limits, err := decodePlan(it)
		if err != nil {
			return
		}
		require.NoError(t, limits.Validate())
		again, err := encodePlan(limits)
		if err != nil { // "Local" is a zone of this machine only
			return
		}
		it[attrPlan] = table.Text(string(again))
		_, err = decodePlan(it)
		require.NoError(t, err)
	})
}
