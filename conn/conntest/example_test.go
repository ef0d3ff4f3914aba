package conntest_test

import (
	"testing"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest"
)

// A test of a store runs the suite with a function that makes an empty one.
func Example_testYourOwnStore() {
	_ = func(t *testing.T) { // func TestStore(t *testing.T)
		conntest.Run(t, func(_ testing.TB, now func() time.Time, ended conn.EndedFunc) conntest.Harness {
			store := conn.NewMemory(conn.WithClock(now), conn.WithEnded(ended))
			return conntest.Harness{Store: store, Ended: true}
		})
	}
	// Output:
}
