// Package clientcore is the client of topics, as sections 9 to 11 of docs/protocol.md specify it,
// without a connection, a clock and goroutines: a machine that is told what happened and answers
// with what to do. The simulator, benchmarks and clients with real connections drive it:
//
//	c := clientcore.New(clientcore.Config{Random: rand.New(rand.NewPCG(seed, 0))})
//	c.Start(now)
//	c.Subscribe(now, "room:1", clientcore.Options{Last: 50})
//	for a, ok := c.Next(); ok; a, ok = c.Next() {
//		switch a.Kind {
//		case clientcore.Dial: // open a connection, then call Connected or Disconnected with a.Conn
//		case clientcore.Send: // send a.Frame on a.Conn; what comes back goes to Received
//		case clientcore.Close: // close a.Conn
//		case clientcore.Event: // a.Position, a.Name, a.Data
//		…
//		}
//	}
//
// Call Tick when the time of [Client.Deadline] has come, and take all actions with [Client.Next]
// after each call of another method. The same calls with the same random numbers have the same
// result.
package clientcore
