package limittest_test

import (
	"testing"
	"time"

	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/limittest"
)

// A test of a store of buckets and quotas runs the suite with a function that makes an empty one. A
// store in memory is for one process, so both stores are the same.
func Example_testYourOwnStore() {
	_ = func(t *testing.T) { // func TestStore(t *testing.T)
		limittest.Run(t, func(_ *testing.T, now func() time.Time) (a, b limittest.Store) {
			store := ratelimit.NewMemory(ratelimit.WithClock(now))
			return store, store
		})
	}
	// Output:
}
