// Package emulator runs one stage of an Amazon API Gateway WebSocket API on your machine, in front
// of any Lambda handler: its events, routing, error frames, limits, timeouts and @connections API.
// What works here should work on AWS, and what fails on AWS should fail here.
//
//	r := gatesock.New()
//	gatesock.Handle(r, "say", say)
//
//	gw, err := emulator.New(r, emulator.Config{Stage: "dev"})
//	if err != nil {
//		log.Fatal(err)
//	}
//	// Clients connect to ws://localhost:3001/dev. Handlers post through gw, which is a
//	// gatesock.ConnectionsAPI, or over HTTP to http://localhost:3001/dev/@connections/{id}.
//	server, err := emulator.Serve(ctx, gw, "localhost:3001")
//	if err != nil {
//		log.Fatal(err)
//	}
//	<-ctx.Done()
//	err = server.Close(context.WithoutCancel(ctx))
//
// If the handler posts to its own clients, use [NewFunc]: it makes the gateway and the handler,
// which need each other.
//
// To test an application, use package wstest, which is built on this one.
//
// # Structure
//
// A [Gateway] has a core without sockets: [Gateway.Connect], [Session.Receive] and [Session.Close].
// Its front is a [net/http.Handler], [Gateway.ServeHTTP]. [Serve] listens on a local port. To use a
// server of your own, listen with [NewListener]. The front accepts requests for names of this
// machine only, unless [Config.Hosts] has others. [ServeStages] and [NewStages] have several stages
// and APIs behind one address.
//
// [Gateway.Deploy] replaces the handler and the configuration while connections stay open, and
// [Config.Handlers] has functions for routes of their own. [Config.Observe] gets what happens, for
// example to show it on a page.
//
// A [Clock] provides the time. With a [ManualClock], idle timeouts and the maximum age of a
// connection pass at once; a [RunningClock] runs with the machine's and can be put forward.
//
// [Gateway.Sessions] has the open connections. A [Session] takes messages in the client's place and
// closes the connection with a code, also of a client over a socket.
//
// # Faults
//
// [Gateway.Faults] makes things go wrong: calls that are slow, throttled or gone, or that fail
// although they had an effect; messages that overtake each other; cold starts; a $disconnect that
// is lost, late or repeated; half-open connections; restarts of the service; the quotas of the
// account. Each happens always or by chance, from a seed that repeats it; see [NewFaults]. A
// [FaultSpec] is a fault as JSON, for a file or a page.
//
// # Fidelity
//
// Each behavior has a case in the package's conformance table, which is listed in
// testdata/conformance.md. The table marks it as documented by AWS, observed on AWS, inferred or
// unknown. [Undocumented] has an option for each unknown one. Its zero value is what we believe is
// most likely.
//
// # Limitations
//
// The emulator does not support usage plans, resource policies, access logs, mapping templates, and
// integrations other than Lambda functions, MOCK with a fixed answer ([Config.Routes]) and HTTP
// ([NewHTTPProxy]). AWS negotiates the extension permessage-deflate, the emulator does so only with
// Config.Compression.
package emulator
