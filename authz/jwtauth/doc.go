// Package jwtauth verifies JSON Web Tokens (RFC 7519) for package authz: tokens of an identity
// provider that publishes its keys as a JWKS, tokens of configured keys, or tokens of a shared
// secret.
//
//	tokens, err := jwtauth.New(jwtauth.Config{
//		Issuer:   "https://login.example.com/",
//		Audience: []string{"https://ws.example.com"},
//		Discover: true, // find the keys by /.well-known/openid-configuration
//	})
//	if err != nil {
//		return err
//	}
//	who := authz.Bearer(tokens, authz.SubprotocolToken())
//
// docs/identity-providers.md has the lines for Amazon Cognito, Auth0, Clerk, Google, Keycloak,
// Microsoft Entra ID and Okta.
//
// # What a token needs
//
// A token needs an algorithm that fits its key, the issuer, one of the audiences or, if a provider
// names no audience, one of the client ids, an exp, and a sub, which becomes the principal's ID.
// nbf and iat are checked if they are there. Times before 1970 and after 9999 are refused. Scopes
// come from "scope" and "scp", and roles from "roles", or from the claims that [Config] names;
// [Config.Principal] makes another principal of the claims.
//
// A token that does not meet this is an [authz.ErrUnauthenticated] whose text names the reason, for
// the log. If keys are not available, the error is an internal one.
//
// # Keys
//
// A token's key is one that has its kid or none, and is for its alg. Several keys may share an id
// (RFC 7517 §4.5): if more than one fits, up to 8 are tried.
//
// The first token fetches the JWKS. It is fetched again after [Config.RefreshEvery], and for a
// token that no known key has signed, as after a rotation, but at most once in [Config.MinRefresh]:
// unknown key ids cannot cause repeated fetches. If a fetch fails, the keys of the last fetch are
// used for up to [Config.StaleFor]. One call fetches, for at most [Config.Timeout]. Other calls use
// the key that they need if they have it, or wait within their own contexts. No goroutine works in
// the background. Only https is fetched, except from loopback addresses, and redirects to another
// host or to http are not followed.
//
// # Revocation
//
// A key that the issuer withdraws is refused from the next fetch on, which is within
// [Config.RefreshEvery] while the issuer answers. That includes tokens that were seen before: only
// the key that signed a token is remembered of it. A well-formed key set without keys counts as an
// answer: all tokens are refused from then on. Anything else, such as an error page, is a failed
// fetch.
//
// [Config.Check] and [Config.Principal] are called for every token each time, so that a list of
// revoked tokens or users takes effect at once. A token ends with its exp in any case.
//
// # Why not a library's key set
//
// golang-jwt/jwt/v5 parses and verifies tokens, and MicahParks/jwkset parses keys. The key sets of
// libraries do not fit a Lambda function. Those of MicahParks/keyfunc and lestrrat-go/jwx refresh
// keys in background goroutines, which Lambda freezes between invocations. The RemoteKeySet of
// coreos/go-oidc fetches again for every token that no known key has signed, so that a client that
// makes up tokens loads the issuer, and it uses a key that it knows for as long as the process
// lives, so that a withdrawn key stays valid. golang.org/x/sync/singleflight shares a call too, but
// its callers can't leave before the call ends, or the call runs in a goroutine that goes on after
// they have left.
package jwtauth
