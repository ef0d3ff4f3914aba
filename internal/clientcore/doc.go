// Package clientcore is the client of docs/protocol.md, sections 9 to 12, without a connection, a
// clock and goroutines: a machine that is told what happened and answers with what to do. Package
// client, the simulator and benchmarks drive it:
//
//	c := clientcore.New(clientcore.Config{Random: rand.New(rand.NewPCG(seed, 0))})
//	c.Start(now)
//	c.Subscribe(now, "room:1", clientcore.Options{Last: 50})
//	n := c.Call(now, clientcore.Call{Action: "say", Input: []byte(`{"text":"hello"}`)})
//	for a, ok := c.Next(); ok; a, ok = c.Next() {
//		switch a.Kind {
//		case clientcore.Dial: // fetch credentials and open a connection, then call Connected,
//			// Refused, NoCredentials or Disconnected with a.Conn
//		case clientcore.Send: // send a.Frame on a.Conn; what comes back goes to Received
//		case clientcore.Close: // close a.Conn
//		case clientcore.Settled: // the call a.Request has ended: a.Data, or a.Code and a.Text
//		case clientcore.Event: // a.Position, a.Name, a.Data
//		…
//		}
//	}
//
// Call Tick when the time of [Client.Deadline] has come, and take all actions with [Client.Next]
// after each call of another method. The same calls with the same random numbers have the same
// result.
package clientcore
