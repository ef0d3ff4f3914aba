package authztest_test

import (
	"testing"
	"time"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/authztest"
)

// A test of a ticket store runs the suite with a function that makes an empty one. A store in
// memory is for one process, so both stores are the same.
func Example_testYourOwnTicketStore() {
	_ = func(t *testing.T) { // func TestTickets(t *testing.T)
		authztest.RunTickets(t, func(_ *testing.T, now func() time.Time) (a, b authz.TicketStore) {
			store := authz.NewMemoryTickets(authz.WithClock(now))
			return store, store
		})
	}
	// Output:
}
