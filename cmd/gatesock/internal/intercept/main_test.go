package intercept

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childVariable makes the binary of the tests a child; see matrixChild.
const childVariable = "GATESOCK_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		if err := matrixChild(os.Stdin, os.Stdout); err != nil {
			println(err.Error()) //nolint:forbidigo // the process has no other output
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
