// Package authz says who may connect to a WebSocket API, and what they may do there.
//
// The gateway asks an authorizer once, before $connect, and tells what it said in every later event. [NewAuthorizer] is the
// function that it asks; an [Authenticator] is what decides; the [Principal] is what comes of it.
//
//	who := authz.All(
//		authz.Origins("https://app.example.com"),
//		authz.Any(
//			tickets.Authenticator(),                       // pages: a one-time ticket in the URL
//			authz.Bearer(tokens, authz.SubprotocolToken()),        // pages: a JWT as a subprotocol
//			authz.Bearer(keys, authz.Header("X-Api-Key")), // devices: an API key
//		),
//	)
//
//	r := gatesock.New(gatesock.DenyByDefault())
//	r.Use(authz.NegotiateSubprotocol("chat.v1"), conn.Track(store))
//	gatesock.Handle(r, "say", say, authz.RequireScopes("chat:write"))
//	gatesock.Start(eventmux.New(eventmux.WebSocket(r), eventmux.Authorizer(authz.NewAuthorizer(who))))
//
// Tokens are verified by a [Verifier]: package authz/jwtauth has one for JWT, authz/apikey one for API keys. In the handler of
// a message [PrincipalFrom] returns who sent it.
//
// # Without an authorizer
//
// An API needs no authorizer. [AuthenticateConnect] is middleware that does the same in the function of the handlers, with all statuses
// that a handshake may have; [RestorePrincipal] then brings the principal back to later events, at the price of a read of the
// connection's record in each process:
//
//	r.Use(authz.AuthenticateConnect(who), limits, authz.RestorePrincipal(store), conn.Track(store))
//
// Limits of package ratelimit come before Remember and [CredentialExpiry], so that what they refuse costs no read.
//
// # While the connection is open
//
// The gateway does not ask again, for up to two hours. [RequireScopes] and its like look at what was said at the handshake. The
// record that conn.Track makes expires with the credential, so that the connection receives nothing from then on; [CredentialExpiry]
// refuses what it sends, and lets clients send a fresh credential before. To put a user out at once, close the connections of
// conn.UserGroup, with the method Disconnect of a broadcast.Broadcaster.
//
// What threatens such an API, and what is left for you to do, is in docs/security.md.
package authz
