// Package authz decides who may connect to a WebSocket API, and which messages a connection may
// send.
//
// API Gateway calls an authorizer once, before $connect, and includes its result in every later
// event. [NewAuthorizer] makes that Lambda function, an [Authenticator] decides about a handshake,
// and the [Principal] is the result.
//
//	who := authz.All(
//		authz.Origins("https://app.example.com"),
//		authz.Any(
//			tickets.Authenticator(),                        // pages: a one-time ticket in the URL
//			authz.Bearer(tokens, authz.SubprotocolToken()), // pages: a JWT as a subprotocol
//			authz.Bearer(keys, authz.Header("X-Api-Key")),  // devices: an API key
//		),
//	)
//
//	r := gatesock.New(gatesock.DenyByDefault())
//	r.Use(authz.NegotiateSubprotocol("chat.v1"), conn.Track(store))
//	gatesock.Handle(r, "say", say, authz.RequireScopes("chat:write"))
//	gatesock.Start(eventmux.New(
//		eventmux.WebSocket(r),
//		eventmux.Authorizer(authz.NewAuthorizer(who)),
//	))
//
// A [Verifier] verifies tokens: package authz/jwtauth has one for JWTs, authz/apikey one for API
// keys. [Tickets] are for pages, which can't set headers on a WebSocket. In the handler of a
// message, [PrincipalFrom] returns the principal of its sender.
//
// The threats to such an API, and your part in countering them, are in docs/security.md.
//
// # Without an authorizer
//
// An API needs no authorizer. [AuthenticateConnect] is middleware that lets the same Authenticator
// decide in the function of the handlers, and can refuse a handshake with any status.
// [RestorePrincipal] then adds the principal to later events, for which each process reads the
// connection's record once:
//
//	r.Use(authz.AuthenticateConnect(who), limits, authz.RestorePrincipal(store), conn.Track(store))
//
// Limits of package ratelimit come before RestorePrincipal and [CredentialExpiry], so that a
// message above the limit costs no read.
//
// # While the connection is open
//
// API Gateway does not ask again, for up to two hours. [RequireScopes] and the other guards go by
// what the credential allowed at the handshake. When it expires, conn.Track's record expires too,
// so that the connection receives nothing more; [CredentialExpiry] refuses what it sends, and lets
// clients send a fresh credential in time. To end a user's connections at once, close those of
// conn.UserGroup, with the method Disconnect of a broadcast.Broadcaster.
//
// # Stores and caches in memory
//
// A full store refuses new entries and evicts none that is valid, so that nobody can invalidate the
// tickets or renewals of others: [NewMemoryTickets] and [NewMemoryRenewals] describe the bounds.
// What a process only remembers and can read again, such as the principals of RestorePrincipal, is
// evicted when there is too much of it.
package authz
