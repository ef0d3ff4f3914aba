// Package wstest tests WebSocket applications from the point of view of their clients. Clients
// connect, send requests and expect replies and pushes. Their messages pass through the emulated
// gateway to the handlers that also run in Lambda.
//
//	func TestChat(t *testing.T) {
//		rec := wstest.NewRecorder() // the application posts through it
//		h := wstest.New(t, chat.New(rec).Router(), wstest.WithPoster(rec))
//
//		alice, bob := h.Connect(wstest.WithUser("alice")), h.Connect(wstest.WithUser("bob"))
//		alice.Request("join", Join{Room: "1"}).ExpectAck() // {"action":"join","id":"…","room":"1"}
//		bob.Request("say", Say{Room: "1"}).ExpectError(gatesock.CodeFailedPrecondition)
//
//		bob.Request("join", Join{Room: "1"}).ExpectAck()
//		alice.ExpectPush("joined", &who)
//		bob.ExpectNone()
//		h.Advance(10 * time.Minute) // both are idle for too long
//		bob.ExpectClosed(1001)
//	}
//
// # In memory
//
// [New] uses no sockets. Every call returns when everything it causes has happened: after
// [Client.Request] the handler has returned, and its answer and its posts are in the clients'
// inboxes. Expect methods therefore need not wait, and [Client.ExpectNone] is exact. Only
// [Harness.Advance] moves the clock. Several goroutines may send at once, and a handler that blocks
// does not block the others.
//
// A harness also works in a testing/synctest bubble. To let the gateway use the bubble's time:
//
//	wstest.WithConfig(func(c *emulator.Config) { c.Clock = nil })
//
// # Over sockets
//
// [NewServer] listens on a loopback port, and [Server.Dial] connects clients with the same methods
// over real WebSocket connections. Their Expect methods wait for up to 30 seconds; see
// [WithTimeout]. Other clients and users of the @connections API use its URL and Endpoint. A server
// does not work in a bubble, which cannot know when the network is idle.
//
// # Everywhere
//
// [Everywhere] runs one test in memory, over loopback, and against a deployed stage, if the
// environment variable GATESOCK_TEST_URL has its address:
//
//	wstest.Everywhere(t, newApp, func(t *testing.T, p *wstest.Place) {
//		alice := p.Connect(wstest.WithUser("alice"))
//		alice.Request("join", Join{Room: p.Unique("room")}).ExpectAck()
//	}, wstest.WithCredentials(token))
//
// # Who connects
//
// [WithUser] connects as a user, and [WithPrincipal] as a principal of package authz with scopes,
// roles, attributes and an expiry. The events are the same as behind a deployed [authz.Authorizer].
// Without these options, the API's own authorizer authenticates the client; if the API has none,
// the client is anonymous.
//
// # Failures of the gateway
//
// A [Recorder] records the application's posts and simulates failures of the @connections API:
// connections that are gone, throttled or slow, and missing permissions. [Harness.Faults] has these
// and all other faults of a gateway, such as a $disconnect that is lost or late, half-open
// connections, messages in another order, cold starts and quotas, also by chance from a seed:
//
//	faults := emulator.NewFaults(seed, emulator.LoseDisconnect().Chance(0.1))
//	h := wstest.New(t, app, wstest.WithConfig(func(c *emulator.Config) { c.Faults = faults }))
//
// # Crashes and costs
//
// [CrashEvery] runs a test again with a process that ends at each call of a store and of the
// gateway, to find what is lost or done twice. [Harness.AtMost] fails the test if a part of it
// costs more write units, read units or posts than it may.
//
// # At the end of the test
//
// The harness closes all connections, and their $disconnect runs. Then it fails the test for what
// would go wrong in Lambda: goroutines that outlive their handler, posts after the handler has
// returned, panics, responses that the gateway refuses. See [Harness.Close].
package wstest
