package sqsrelay_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast/sqsrelay"
)

func TestNeed(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	r.DeclareNeeds(sqsrelay.Need("QUEUE", "jobs"))
	require.Equal(t, []gatesock.Need{{
		Kind: gatesock.NeedQueue, Variable: "QUEUE", Actions: []string{"sqs:SendMessage"}, Source: "jobs",
	}}, r.Describe().Needs)
}
