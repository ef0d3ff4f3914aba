// Package jwtauth verifies JSON Web Tokens (RFC 7519) for package authz: those of an identity provider that publishes its keys
// as a JWKS, those of keys that are configured, or those of a shared secret.
//
//	tokens, err := jwtauth.New(jwtauth.Config{
//		Issuer:   "https://login.example.com/",
//		Audience: []string{"https://ws.example.com"},
//		Discover: true, // the keys are where /.well-known/openid-configuration says
//	})
//	if err != nil {
//		return err
//	}
//	who := authz.Bearer(tokens, authz.Protocol())
//
// # What a token needs
//
// An algorithm that fits its key, the issuer, one of the audiences, exp, and sub, which becomes the principal's id. nbf and
// iat are checked where they are there. Scopes are taken from "scope" or "scp", roles from "roles"; [Config.Principal] makes
// something else of the claims. A token that is not good is an [authz.ErrUnauthenticated] which says what is wrong with it, for
// the log; keys that can't be had are a fault of ours.
//
// # Keys
//
// A JWKS is fetched by the first token, again every [Config.RefreshEvery], and for a token whose key is unknown, as after a
// rotation, but not more often than every [Config.MinRefresh]: who sends made-up key ids makes no load. While it can't be had the
// keys of the last time are good for [Config.StaleFor]. One call fetches; others go on with the key that they need, if it was there
// the last time, or wait within their own contexts. Nothing goes on in the background. Only https is fetched, but for loopback
// addresses, and no redirect to another host is followed.
//
// golang-jwt/jwt/v5 reads and verifies tokens, MicahParks/jwkset reads keys. MicahParks/keyfunc, which joins the two, refreshes in
// the background, which Lambda freezes.
package jwtauth
