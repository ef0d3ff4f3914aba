package runtimeapi_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childVariable names the program that the test's own binary is. Without it, it is the test.
const childVariable = "RUNTIMEAPI_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if name := os.Getenv(childVariable); name != "" {
		programs[name]()
		return
	}
	goleak.VerifyTestMain(m)
}
