package sqsrelay_test

import (
	"testing"

	"github.com/gatesock/gatesock/internal/sqstest"
)

func TestMain(m *testing.M) { sqstest.Main(m) }
