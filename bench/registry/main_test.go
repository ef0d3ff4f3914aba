// Package registry compares the stores: in memory, and on DynamoDB Local on the same machine, whose times are its own and
// not those of DynamoDB. What a change costs in allocations is held by tests.
package registry

import (
	"testing"

	"github.com/gatesock/gatesock/internal/dynamotest"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }
