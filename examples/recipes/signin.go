package recipes

import (
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/jwtauth"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
)

// cognito returns a verifier of the access tokens of an Amazon Cognito user pool.
func cognito(region, userPool, appClient string) (authz.Verifier, error) {
	return jwtauth.New(jwtauth.Config{
		Issuer:         "https://cognito-idp." + region + ".amazonaws.com/" + userPool,
		ClientIDs:      []string{appClient},
		Discover:       true,
		RequiredClaims: map[string][]string{"token_use": {"access"}},
		RoleClaims:     []string{"cognito:groups"},
	})
}

// newSignedIn returns a function that is the API's authorizer, too.
func newSignedIn(store conn.Store, tokens authz.Verifier) lambda.Handler {
	r := gatesock.New(gatesock.DenyByDefault()) // a route without a guard is an error at start-up
	r.Use(gatesock.Recover(), authz.NegotiateSubprotocol("chat.v1"), conn.Track(store))
	gatesock.HandleReply(r, "upload", receive, authz.RequireScopes("files/write"))

	who := authz.All(
		authz.Origins("https://app.example.com"),
		authz.Bearer(tokens, authz.SubprotocolToken()),
	)
	return eventmux.New(eventmux.WebSocket(r), eventmux.Authorizer(authz.NewAuthorizer(who)))
}

// pagesAndApps lets pages of one origin connect with a token in a subprotocol, and native apps with
// one in the Authorization header.
func pagesAndApps(tokens authz.Verifier) authz.Authenticator {
	return authz.All(
		authz.Origins("https://app.example.com"), // a handshake without an Origin passes
		authz.Bearer(tokens, authz.SubprotocolToken(), authz.AuthorizationHeader()),
	)
}
