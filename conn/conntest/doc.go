// Package conntest checks that a [conn.Store] keeps its contract.
//
// A store's own test hands [Run] a function that makes a fresh store, and gets a subtest for each promise:
//
//	func TestStore(t *testing.T) {
//		conntest.Run(t, func(context.Context) (conntest.Harness, error) {
//			clock := conntest.NewClock()
//			return conntest.Harness{
//				Store: mystore.New(mystore.WithClock(clock.Now)),
//				Clock: clock,
//			}, nil
//		})
//	}
//
// [Machine] drives a store through random commands beside a simple model; [Check] runs the cases without
// a test.
//
// The package stands on testify and rapid. Who imports it has both among the modules of their tests, but not in
// their programs.
package conntest
