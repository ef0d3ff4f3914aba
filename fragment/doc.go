// Package fragment joins messages that clients send in fragments. The gateway closes a connection
// whose client sends a frame above 32 KiB, and a browser cannot choose the size of its frames: it
// has to send a large message in several requests, which docs/protocol.md specifies in section 13.
//
//	r := gatesock.New()
//	gatesock.HandleReply(r, "save", save)
//	fragment.Register(r, db.Fragments()) // a dynamo.DB; or a fragment.NewMemory()
//
//	→ {"action":"fragment","id":"7","index":0,"count":2,"piece":"{\"action\":\"save\",\"id\":\"7\","}
//	→ {"action":"fragment","id":"7","index":1,"count":2,"piece":"\"text\":\"…\"}"}
//	← {"id":"7","action":"save","data":{…}}
//
// The client of npm package gatesock does so with the option fragments.
//
// # The joined message
//
// When the last fragment is there, the message goes through the router, as if the client had sent
// it in one piece: through the middleware of [gatesock.Router.Use], and the guards, the limits and
// the validation of its own route. A handler cannot tell the difference, except that
// [gatesock.Request.RouteKey] is "$default", and that the message can be larger than the gateway's
// 128 KiB ([WithMaxSize]). Its other fields are those of the fragment that came last.
//
// Fragments are requests, too: the middleware of the router sees each of them, on the route
// "fragment", and so does a limit of package ratelimit. Let such a limit have room for the
// fragments of a message, about one for each 20 KB, and for the message itself.
//
// # What is kept, and what is lost
//
// Fragments arrive in any order, at the same time, and in different processes, so a [Store] keeps
// the pieces. Only one invocation gets the whole message, so it is handled at most once. If that
// invocation dies, or a fragment is lost, the message is never answered, like any other whose
// invocation dies. The store forgets pieces after 5 minutes ([Keep]).
//
// A client can make the server keep 16 messages of 256 KiB for that time, and as many connections
// as it may open; [WithMaxMessages] and [WithMaxSize] change that. Guards of the route "fragment"
// ([WithRouteOptions]) keep out who must not send large messages at all.
package fragment
