package runtimeapi_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childVariable says that the test's own binary is the program of a function, and which.
const childVariable = "RUNTIMEAPI_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if name := os.Getenv(childVariable); name != "" {
		programs[name]()
		return
	}
	goleak.VerifyTestMain(m)
}
