// Package wstest tests WebSocket applications the way their clients see them: clients connect, send, and expect
// replies and pushes, through the emulated gateway and the same handlers that run in Lambda.
//
//	func TestChat(t *testing.T) {
//		rec := wstest.NewRecorder()                              // the application posts through it
//		h := wstest.New(t, chat.New(rec).Router(), wstest.WithPoster(rec))
//
//		alice, bob := h.Connect(wstest.WithUser("alice")), h.Connect(wstest.WithUser("bob"))
//		alice.Request("join", Join{Room: "1"}).ExpectAck()          // {"action":"join","id":"…","room":"1"}
//		bob.Request("say", Say{Room: "1"}).ExpectError(gatesock.CodeFailedPrecondition)
//
//		bob.Request("join", Join{Room: "1"}).ExpectAck()
//		alice.ExpectPush("joined", &who)
//		bob.ExpectNone()
//		h.Advance(10 * time.Minute)                              // both are idle for too long
//		bob.ExpectClosed(1001)
//	}
//
// # In memory
//
// [New] uses no sockets, and every call returns when all that it causes has happened: after [Client.Request] the handler has
// returned, and its answer and its posts are in the clients' inboxes. So Expect methods need not wait, and
// [Client.ExpectNone] is exact. Time moves only by [Harness.Advance]. Several goroutines may send at once, and a
// handler that is held does not hold up the others.
//
// It works in a bubble of testing/synctest too. Give the gateway the bubble's time, if both should be one:
//
//	wstest.WithConfig(func(c *emulator.Config) { c.Clock = nil })
//
// # As whom
//
// [WithPrincipal] connects as a principal of package authz, with scopes, roles, attributes and an expiry, and [WithUser] as one of whom nothing
// is known but the id; the events are those behind a deployed [authz.Authorizer]. Without them a client is one of an API without an
// authorizer, or the API's own authorizer is asked.
//
// # Over sockets
//
// [NewServer] is the same on a loopback port. [Server.Dial] gives clients with the same methods over real WebSocket
// connections; their Expect methods wait for up to 30 s ([WithTimeout]). Other clients and the @connections API find the
// server by its URL and its Endpoint. It does not work in a bubble, which can't tell when the network is at rest.
//
// # At the end of the test
//
// The connections are closed and their $disconnect runs. Then the test fails for what would go wrong in Lambda: goroutines
// that outlive their handler, posts made after it has returned, panics, responses that the gateway refuses. See
// [Harness.Close].
package wstest
