package doctor

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/gatesock/gatesock/describe"
)

const (
	connectKey    = "$connect"
	disconnectKey = "$disconnect"
	defaultKey    = "$default"
)

// routeFinding adds a finding about a route.
func (x *examination) routeFinding(level Level, check, key, problem, effect, fix string) {
	x.report.add(Finding{
		Level: level, Part: PartRoutes, Check: check, Subjects: []string{key}, Problem: problem, Effect: effect, Fix: fix,
	})
}

// checkRoutes compares the routes of the API with those of the application.
func (x *examination) checkRoutes() {
	if !x.api.routesRead {
		return
	}
	known := map[string]bool{}
	for _, described := range x.app.Routes {
		known[described.Key] = true
		r := x.api.routes[described.Key]
		if r == nil {
			x.missingRoute(described)
			continue
		}
		if described.Key != connectKey && described.Key != disconnectKey { // whose answers nobody gets
			x.checkResponses(described, r)
		}
		if described.Key != connectKey && r.AuthorizationType != "" && r.AuthorizationType != types.AuthorizationTypeNone {
			x.routeFinding(Note, "route-authorization", described.Key, "the route has the authorization type "+string(r.AuthorizationType),
				"The gateway authorizes $connect only.", "Set it on $connect.")
		}
		x.checkTarget(described)
	}
	for _, key := range slices.Sorted(maps.Keys(x.api.routes)) {
		if !known[key] {
			x.superfluousRoute(key)
		}
	}
	x.checkAPIKey()
}

// missingRoute adds the finding of a route that the API does not have.
func (x *examination) missingRoute(described describe.Route) {
	const problem, fix = "the API has no such route", "Deploy a template that has it; gatesock template makes one."
	level, effect := Error, "Its messages get the frame {\"message\": \"Forbidden\", …}."
	switch {
	case described.Key == connectKey:
		effect = "The gateway opens every connection without asking the application, which does not know of it."
	case described.Key == disconnectKey:
		level = Warning
		effect = "The application does not learn that connections have ended, until it sends to them or sweeps."
	case described.Key == defaultKey:
		effect = "Messages that name no route get the frame {\"message\": \"Forbidden\", …} instead of an error of the application."
	case x.api.routes[defaultKey] != nil:
		level = Warning
		effect = "Its messages go to $default, whose throttles and integration then count for them."
		if described.Answer == describe.AnswerMock {
			effect = "Its messages go to $default: every keep-alive costs an invocation."
		}
	}
	x.routeFinding(level, "route-missing", described.Key, problem, effect, fix)
}

// superfluousRoute adds the finding of a route that the application does not have.
func (x *examination) superfluousRoute(key string) {
	level, effect := Warning, "The application answers its messages with an error."
	i := x.integrationOf(key)
	if i != nil {
		f, err := x.called(i)
		if err != nil || !x.isOwn(f) {
			level, effect = Note, "It is served by something else than this application."
		}
	}
	x.routeFinding(level, "route-superfluous", key, "the application has no such route", effect,
		"Delete the route, or deploy the version of the application that has it.")
}

// called returns the function that an integration calls.
func (x *examination) called(i *integration) (functionName, error) {
	if i.IntegrationType != types.IntegrationTypeAwsProxy {
		return functionName{}, fmt.Errorf("its integration has the type %s instead of AWS_PROXY", i.IntegrationType)
	}
	return calledFunction(aws.ToString(i.IntegrationUri), x.stageVariables())
}

// isOwn reports whether a function is one of the application.
func (x *examination) isOwn(f functionName) bool {
	return len(x.target.Functions) == 0 || slices.Contains(x.target.Functions, f.name)
}

// checkResponses checks that a route has a response exactly if it answers.
func (x *examination) checkResponses(described describe.Route, r *route) {
	expression := aws.ToString(r.RouteResponseSelectionExpression)
	has := slices.Contains(r.responses, defaultKey)
	const (
		effect = "The gateway drops the answers, and clients wait in vain."
		fix    = "A route that answers needs RouteResponseSelectionExpression: $default and a RouteResponse with the key $default " +
			"(SAM's WebSocketApi makes no RouteResponse). Then deploy the stage."
	)
	switch {
	case described.NeedsResponse() && expression == "":
		x.routeFinding(
			Error, "response-expression", described.Key, "the route has no RouteResponseSelectionExpression", effect, fix,
		)
	case described.NeedsResponse() && expression != defaultKey:
		x.routeFinding(Error, "response-expression", described.Key,
			"the RouteResponseSelectionExpression is "+oneLine(expression), effect, fix)
	case described.NeedsResponse() && r.read && !has:
		x.routeFinding(
			Error, "response-missing", described.Key, "the route has no RouteResponse with the key $default", effect, fix,
		)
	case !described.NeedsResponse() && expression != "" && r.read && has:
		x.routeFinding(Warning, "response-superfluous", described.Key, "the route has a response, but the application never answers",
			"Clients get an empty frame for each message.", "Delete its RouteResponse and its RouteResponseSelectionExpression.")
	}
}

// checkTarget checks the integration of a route.
func (x *examination) checkTarget(described describe.Route) {
	if !x.api.integrated {
		return
	}
	i := x.integrationOf(described.Key)
	const lost = "Messages of the route do not reach the application."
	if i == nil {
		x.routeFinding(Error, "integration-missing", described.Key, "the route has no integration, or one that does not exist", lost,
			"Set the route's Target to integrations/ and the ID of an integration.")
		return
	}
	if described.Answer == describe.AnswerMock {
		x.checkMock(described, i)
		return
	}
	if i.IntegrationType != types.IntegrationTypeAwsProxy {
		x.routeFinding(Error, "integration-type", described.Key,
			fmt.Sprintf("the integration has the type %s", i.IntegrationType),
			"The function does not get the event that the application reads.", "Set IntegrationType to AWS_PROXY.")
		return
	}
	if m := aws.ToString(i.IntegrationMethod); m != "" && m != "POST" {
		x.routeFinding(Error, "integration-method", described.Key, "the integration has the method "+oneLine(m),
			"Lambda refuses the calls: "+lost, "Set IntegrationMethod to POST.")
	}
	f, err := x.called(i)
	switch {
	case err != nil:
		x.routeFinding(Error, "integration-uri", described.Key, "the integration calls no function: "+err.Error(), lost,
			"Set IntegrationUri to arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/FUNCTION_ARN/invocations, "+
				"with this region and the ARN of the function.")
	case !x.isOwn(f):
		x.routeFinding(Error, "integration-function", described.Key, "the integration calls another function, "+f.String(), lost,
			"Set IntegrationUri to that of the application's function, or name this one with --function.")
	}
}

// checkAPIKey reports what $connect requires that browsers cannot send.
func (x *examination) checkAPIKey() {
	r := x.api.routes[connectKey]
	if r == nil || !aws.ToBool(r.ApiKeyRequired) || aws.ToString(
		x.api.ApiKeySelectionExpression,
	) == "$context.authorizer.usageIdentifierKey" {
		return
	}
	x.routeFinding(Note, "api-key", connectKey, "the route needs an API key in the header x-api-key",
		"Browsers cannot set headers of a WebSocket handshake, and are refused.",
		"Set ApiKeySelectionExpression to $context.authorizer.usageIdentifierKey, which the authorizer returns.")
}
