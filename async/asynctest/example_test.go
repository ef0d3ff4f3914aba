package asynctest_test

import (
	"testing"
	"time"

	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/async/asynctest"
)

// A test of a store of outcomes runs the suite with a function that makes an empty one. A store in
// memory is for one process, so both stores are the same.
func Example_testYourOwnStore() {
	_ = func(t *testing.T) { // func TestOutcomes(t *testing.T)
		asynctest.RunOutcomes(t, func(_ *testing.T, now func() time.Time) (a, b async.Outcomes) {
			store := async.NewMemoryOutcomes(async.WithClock(now))
			return store, store
		})
	}
	// Output:
}
