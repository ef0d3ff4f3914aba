// Package emulator is Amazon API Gateway's WebSocket APIs on your own machine: one stage of one API, with its
// events, its routing, its error frames, its limits and its @connections API, in front of any Lambda handler.
// What works here is meant to work on AWS, and what fails there is meant to fail here.
//
//	r := gatesock.New()
//	gatesock.Handle(r, "say", say)
//
//	gw, err := emulator.New(r, emulator.Config{Stage: "dev"})
//	if err != nil {
//		log.Fatal(err)
//	}
//	// Clients connect to ws://localhost:3001/dev; handlers post through gw, which is a
//	// gatesock.ConnectionsAPI, or over HTTP to http://localhost:3001/dev/@connections/{id}.
//	server, err := emulator.Serve(ctx, gw, "localhost:3001")
//	if err != nil {
//		log.Fatal(err)
//	}
//	<-ctx.Done()
//	err = server.Close(context.WithoutCancel(ctx))
//
// Handlers that post through the gateway need it before it needs them: [NewFunc] is for those.
//
// A [Gateway] has a core without sockets ([Gateway.Connect], [Session.Receive], [Session.Close]), on which
// package wstest builds, and a front that is an [net/http.Handler]. [Serve] starts the front on a local port;
// on a server of your own, listen with [NewListener]. It is for this machine: see [Config.Hosts] for other names.
// Time is a [Clock]: with a [ManualClock] idle timeouts and the two hours of a connection's life pass at once.
//
// # What it is faithful to
//
// Each behaviour has a case in the package's conformance table (testdata/conformance.md lists them) that says
// whether it is documented, observed by others on AWS, inferred, or not known. What is not known is an option
// in [Undocumented], whose zero value is what we hold to be most likely.
//
// # What it does not do
//
// Usage plans, resource policies, access logs, non-proxy integrations and mapping templates,
// and the permessage-deflate extension, which AWS negotiates and this does not, so that frames stay readable.
package emulator
