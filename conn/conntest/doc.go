// Package conntest tests implementations of [conn.Store]. Call [Run] from a test of your own
// store; it has a subtest for each promise of the interface:
//
//	func TestStore(t *testing.T) {
//		conntest.Run(t, newHarness)
//	}
//
//	func newHarness(t testing.TB, now func() time.Time, ended conn.EndedFunc) conntest.Harness {
//		store := mystore.New(mystore.WithClock(now), mystore.WithEnded(ended))
//		return conntest.Harness{Store: store, Ended: true}
//	}
//
// [RunModel] compares a store with a simple model over random calls. Run includes a few of these
// sequences; call RunModel for more.
package conntest
