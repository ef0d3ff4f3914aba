package sqsjobs_test

import (
	"os"
	"testing"

	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/sqstest"
)

// TestMain also runs the program that TestKilledInTheMiddle kills.
func TestMain(m *testing.M) {
	if os.Getenv(victimVariable) != "" {
		victim()
		return
	}
	dynamotest.Main(sqstest.With(m))
}
