package stream_test

import (
	"os"
	"testing"

	"github.com/gatesock/gatesock/internal/dynamotest"
)

func TestMain(m *testing.M) {
	if os.Getenv(victimVariable) != "" {
		victim()
	}
	dynamotest.Main(m)
}
