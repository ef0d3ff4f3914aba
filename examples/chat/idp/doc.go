// Package idp is an identity provider for development. It implements OAuth 2.0 and OpenID Connect
// like a provider for production, but accepts any name without a password. Use it on your own
// machine only.
//
//	provider, err := idp.New(idp.Config{
//		Issuer: "http://127.0.0.1:8080/idp", Audience: "gatesock-chat", ClientID: "chat",
//		Origins: []string{"http://127.0.0.1:8080"},
//	})
//	…
//	mux.Handle("/idp/", provider)
//
// Below the issuer it serves
//
//	GET  /.well-known/openid-configuration   the other URLs (OpenID Connect Discovery)
//	GET  /jwks.json                          the keys of its tokens (RFC 7517)
//	GET  /authorize                          the sign-in page (RFC 6749 §4.1, with PKCE: RFC 7636)
//	POST /token                              access tokens for codes, refresh tokens or names
//
// Access tokens are JWTs (RFC 9068) with the claims iss, aud, sub, exp, iat, client_id, name and
// scope. The signing key is made when the program starts. Refresh tokens are not signed, so that
// they outlive a restart: forging one gains nothing, because any name is accepted.
package idp
