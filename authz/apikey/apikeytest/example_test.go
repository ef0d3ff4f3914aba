package apikeytest_test

import (
	"testing"

	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/authz/apikey/apikeytest"
)

// A test of a key store runs the suite with a function that makes an empty one.
func Example_testYourOwnStore() {
	_ = func(t *testing.T) { // func TestStore(t *testing.T)
		apikeytest.Run(t, func(*testing.T) apikey.Store { return apikey.NewMemory() })
	}
	// Output:
}
