// Package registry compares the stores: in memory, and on DynamoDB Local on the same machine, whose
// times are not those of DynamoDB. Its tests hold the allocations of each operation.
package registry

import (
	"testing"

	"github.com/gatesock/gatesock/internal/dynamotest"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }
