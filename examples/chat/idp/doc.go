// Package idp is an identity provider for development: it speaks OAuth 2.0 and OpenID Connect as those do that people use in
// production, but asks nobody for a password. Whoever reaches it can be whoever they want: it is for your own machine.
//
//	provider, err := idp.New(idp.Config{
//		Issuer: "http://127.0.0.1:8080/idp", Audience: "gatesock-chat", ClientID: "chat", Origins: []string{"http://127.0.0.1:8080"},
//	})
//	…
//	mux.Handle("/idp/", provider)
//
// Below the issuer it serves
//
//	GET  /.well-known/openid-configuration   where all the others are (OpenID Connect Discovery)
//	GET  /jwks.json                          the keys of its tokens (RFC 7517)
//	GET  /authorize                          the page on which somebody signs in (RFC 6749 §4.1, with PKCE: RFC 7636)
//	POST /token                              codes and refresh tokens for access tokens; a user name for one, for the command line
//
// Access tokens are JWTs (RFC 9068) with the claims iss, aud, sub, exp, iat, client_id, name and scope. The signing key is made when
// the program starts. Refresh tokens are not signed, so that they outlive a restart: there is nothing to be gained by making one up.
package idp
