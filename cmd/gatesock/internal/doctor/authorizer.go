package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

// authorizerFinding adds a finding about the authorizer of $connect.
func (x *examination) authorizerFinding(level Level, check, problem, effect, fix string) {
	x.report.add(Finding{Level: level, Part: PartAuthorizer, Check: check, Problem: problem, Effect: effect, Fix: fix})
}

// connectAuthorizer returns the authorizer of $connect, and false if it has none.
func (x *examination) connectAuthorizer() (types.Authorizer, bool) {
	r := x.api.routes[connectKey]
	if r == nil || r.AuthorizationType != types.AuthorizationTypeCustom {
		return types.Authorizer{}, false
	}
	a, ok := x.api.authorizers[aws.ToString(r.AuthorizerId)]
	return a, ok
}

// checkAuthorizer compares the authorizer of $connect with that of the application.
func (x *examination) checkAuthorizer() {
	r := x.api.routes[connectKey]
	if r == nil {
		return
	}
	custom := r.AuthorizationType == types.AuthorizationTypeCustom
	if x.app.Authorizer == nil {
		x.checkForeignAuthorizer(r, custom)
		return
	}
	if !custom {
		x.authorizerFinding(Error, "authorizer-missing", fmt.Sprintf("$connect has the authorization type %s, and the application has an authorizer",
			orNone(string(r.AuthorizationType))),
			"The gateway asks nobody: connections have no principal, or anyone may connect.",
			"Make an authorizer of the type REQUEST that calls the function, and set AuthorizationType CUSTOM and AuthorizerId on $connect.")
		return
	}
	if !x.api.authorized {
		return
	}
	a, ok := x.connectAuthorizer()
	if !ok {
		x.authorizerFinding(Error, "authorizer-missing", "the authorizer of $connect does not exist", "Every handshake fails.",
			"Set AuthorizerId on $connect to an authorizer of the type REQUEST that calls the function.")
		return
	}
	x.checkAuthorizerFunction(a)
	x.checkIdentity(a.IdentitySource)
}

func orNone(text string) string {
	if text == "" {
		return "NONE"
	}
	return text
}

// checkForeignAuthorizer checks $connect of an application that authorizes nobody.
func (x *examination) checkForeignAuthorizer(r *route, custom bool) {
	a, ok := x.connectAuthorizer()
	switch {
	case r.AuthorizationType == types.AuthorizationTypeAwsIam:
		x.authorizerFinding(Note, "authorizer-iam", "$connect has the authorization type AWS_IAM",
			"Clients must sign the handshake with AWS credentials.", "Nothing, if that is meant. Set NONE otherwise.")
	case custom && ok:
		f, err := calledFunction(aws.ToString(a.AuthorizerUri), x.stageVariables())
		own := err == nil && slices.ContainsFunc(x.routeFunctions(), func(o functionName) bool { return o.name == f.name })
		if own {
			x.authorizerFinding(Error, "authorizer-superfluous", "$connect has an authorizer that calls the function, and the application handles no such events",
				"Every handshake fails.", "Set AuthorizationType NONE on $connect, or add an authorizer to the application.")
		}
	}
}

func (x *examination) checkAuthorizerFunction(a types.Authorizer) {
	const effect = "Every handshake fails."
	if a.AuthorizerType != types.AuthorizerTypeRequest {
		x.authorizerFinding(Error, "authorizer-type", fmt.Sprintf("the authorizer has the type %s", a.AuthorizerType), effect,
			"WebSocket APIs have authorizers of the type REQUEST only: set it.")
		return
	}
	f, err := calledFunction(aws.ToString(a.AuthorizerUri), x.stageVariables())
	switch {
	case err != nil:
		x.authorizerFinding(Error, "authorizer-uri", "the authorizer calls no function: "+err.Error(), effect,
			"Set AuthorizerUri to arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/FUNCTION_ARN/invocations.")
	case !x.isOwn(f):
		x.authorizerFinding(Error, "authorizer-function", "the authorizer calls another function, "+f.String(),
			"Another program than this application decides about connections.",
			"Set AuthorizerUri to that of the application's function, or name this one with --function.")
	}
}

// checkIdentity compares the identity sources, whose order does not matter.
func (x *examination) checkIdentity(deployed []string) {
	described := x.app.Authorizer.IdentitySources
	if surplus := without(deployed, described); len(surplus) > 0 {
		x.authorizerFinding(Error, "identity-sources", "the authorizer has identity sources that the application does not expect: "+
			strings.Join(surplus, ", "),
			"A handshake without one of them gets 401, and the application is not asked.",
			"Remove them from the authorizer's IdentitySource, or add them to the application.")
	}
	if missing := without(described, deployed); len(missing) > 0 {
		x.authorizerFinding(Warning, "identity-sources-missing", "the authorizer lacks identity sources of the application: "+
			strings.Join(missing, ", "),
			"A handshake without a credential costs an invocation.", "Add them to the authorizer's IdentitySource.")
	}
}

// without returns the elements of a that b does not have. Names of headers have no case.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool {
		return slices.ContainsFunc(b, func(o string) bool { return strings.EqualFold(s, o) })
	})
}
