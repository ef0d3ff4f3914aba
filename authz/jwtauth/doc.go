// Package jwtauth verifies JSON Web Tokens (RFC 7519) for package authz: those of an identity provider that
// publishes its keys as a JWKS, those of keys that are configured, or those of a shared secret.
//
//	tokens, err := jwtauth.New(jwtauth.Config{
//		Issuer:   "https://login.example.com/",
//		Audience: []string{"https://ws.example.com"},
//		Discover: true, // the keys are where /.well-known/openid-configuration says
//	})
//	if err != nil {
//		return err
//	}
//	who := authz.Bearer(tokens, authz.SubprotocolToken())
//
// docs/identity-providers.md has the lines for Amazon Cognito, Auth0, Clerk, Google, Keycloak, Microsoft Entra ID
// and Okta.
//
// # What a token needs
//
// An algorithm that fits its key, the issuer, one of the audiences or, where a provider names none, one of the
// client ids, exp, and sub, which becomes the principal's id. nbf and iat are checked where they are there; times
// before 1970 and after 9999 are refused. Scopes are taken from "scope" and "scp", roles from "roles", or from
// where [Config] says; [Config.Principal] makes something else of the claims. A token that is not good is an
// [authz.ErrUnauthenticated] which says what is wrong with it, for the log; keys that can't be had are a fault of
// ours.
//
// # Keys
//
// A token's key is one that has its kid, or none, and is for its alg: several keys may share an id (RFC 7517 §4.5).
// Where more than one fits, up to 8 are tried.
//
// A JWKS is fetched by the first token, again every [Config.RefreshEvery], and for a token that no known key has
// signed, as after a rotation, but not more often than every [Config.MinRefresh]: made-up key ids make no load.
// While it can't be had, the keys of the last time are good for [Config.StaleFor]. One call fetches, for
// [Config.Timeout] at most; others go on with the key that they need, if it was there the last time, or wait within
// their own contexts. Nothing goes on in the background. Only https is fetched, except from loopback addresses, and
// no redirect to another host, or from https to http, is followed.
//
// # Revocation
//
// A key that the issuer takes out of its set is refused from the next fetch on, which is within
// [Config.RefreshEvery] while the issuer answers, also for tokens that were seen before: what is remembered of a
// token is only which key signed it. A well-formed key set without keys is an answer: all tokens are refused from
// then on. Anything else, such as an error page, is a failure, and the keys of the last time stay good for
// StaleFor. [Config.Check] and [Config.Principal] are asked about every token each time, so that a list of revoked
// tokens or users takes effect at once. A token ends with its exp in any case.
//
// golang-jwt/jwt/v5 reads and verifies tokens, MicahParks/jwkset reads keys. MicahParks/keyfunc, which joins the
// two, refreshes in the background, which Lambda freezes.
package jwtauth
