package doctor_test

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	gateway "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

// apiDamage is damage to the API, its routes and their integrations.
func apiDamage() map[string]damage {
	return map[string]damage{
		"no such API": {func(c *cloud) { c.target.API = "other" }, []string{"error api-missing other"}},
		"an HTTP API": {
			func(c *cloud) { c.api.ProtocolType = gateway.ProtocolTypeHttp }, []string{"error api-protocol " + apiID},
		},
		"another selection": {
			func(c *cloud) { c.api.RouteSelectionExpression = aws.String("$request.body.type") },
			[]string{"error route-selection"},
		},
		"selection with braces": {
			func(c *cloud) { c.api.RouteSelectionExpression = aws.String("${request.body.action}") }, []string{},
		},
		"routes missing": {
			func(c *cloud) { delete(c.routes, "join"); delete(c.routes, "say") }, []string{"warning route-missing join,say"},
		},
		"$connect missing": {func(c *cloud) { delete(c.routes, "$connect") }, []string{"error route-missing $connect"}},
		"$disconnect missing": {
			func(c *cloud) { delete(c.routes, "$disconnect") }, []string{"warning route-missing $disconnect"},
		},
		"$default missing": {func(c *cloud) { delete(c.routes, "$default") }, []string{"error route-missing $default"}},
		"keep-alive missing": {
			func(c *cloud) { delete(c.routes, "keepalive") }, []string{"warning route-missing keepalive"},
		},
		"neither join, $default": {
			func(c *cloud) { delete(c.routes, "join"); delete(c.routes, "$default") },
			[]string{"error route-missing $default", "error route-missing join"},
		},
		"route superfluous": {func(c *cloud) {
			c.routes["old"] = &gateway.Route{
				RouteKey: aws.String("old"), RouteId: aws.String("x"), Target: aws.String("integrations/proxy"),
			}
		}, []string{"warning route-superfluous old"}},
		"route of another program": {func(c *cloud) {
			c.routes["old"] = &gateway.Route{
				RouteKey: aws.String("old"), RouteId: aws.String("x"), Target: aws.String("integrations/mock"),
			}
		}, []string{"note route-superfluous old"}},
		"no response expression": {
			func(c *cloud) { c.routes["join"].RouteResponseSelectionExpression = nil },
			[]string{"error response-expression join"},
		},
		"wrong response expression": {func(c *cloud) {
			c.routes["join"].RouteResponseSelectionExpression = aws.String("$integration.response.statuscode")
		}, []string{"error response-expression join"}},
		"no route responses": {func(c *cloud) {
			delete(c.routeResponses, "route-join")
			delete(c.routeResponses, "route-say")
		}, []string{"error response-missing join,say"}},
		"response of a one-way route": {func(c *cloud) {
			c.routes["typing"].RouteResponseSelectionExpression = aws.String("$default")
			c.routeResponses["route-typing"] = []string{"$default"}
		}, []string{"warning response-superfluous typing"}},
		"no integration": {func(c *cloud) { c.routes["join"].Target = nil }, []string{"error integration-missing join"}},
		"unknown integration": {
			func(c *cloud) { c.routes["join"].Target = aws.String("integrations/gone") },
			[]string{"error integration-missing join"},
		},
		"custom Lambda": {func(c *cloud) {
			other(c, "join", func(i *gateway.Integration) { i.IntegrationType = gateway.IntegrationTypeAws })
		}, []string{"error integration-type join"}},
		"method GET": {func(c *cloud) {
			other(c, "join", func(i *gateway.Integration) { i.IntegrationMethod = aws.String("GET") })
		}, []string{"error integration-method join"}},
		"URI of nothing": {func(c *cloud) {
			other(c, "join", func(i *gateway.Integration) { i.IntegrationUri = aws.String("https://example.com") })
		}, []string{"error integration-uri join"}},
		"stage variable missing": {
			func(c *cloud) { alias(c, "${stageVariables.alias}") }, []string{"error integration-uri join"},
		},
		"another function": {func(c *cloud) {
			c.target.Functions = []string{app}
			other(c, "join", func(i *gateway.Integration) {
				i.IntegrationUri = aws.String(strings.Replace(appURI, app, "old-app", 1))
			})
		}, []string{"error integration-function join"}},
		"short integration timeout": {
			func(c *cloud) { other(c, "join", func(i *gateway.Integration) { i.TimeoutInMillis = aws.Int32(5000) }) },
			[]string{"note integration-timeout join"},
		},
		"keep-alive by the function": {
			func(c *cloud) { c.routes["keepalive"].Target = aws.String("integrations/proxy") },
			[]string{"warning mock-type keepalive"},
		},
		"MOCK without request": {
			func(c *cloud) { c.integrations["mock"].RequestTemplates = nil }, []string{"error mock-request keepalive"},
		},
		"MOCK without selection": {
			func(c *cloud) { c.integrations["mock"].TemplateSelectionExpression = nil },
			[]string{"error mock-request keepalive"},
		},
		"MOCK without response": {
			func(c *cloud) { c.integrationResponses["mock"] = nil }, []string{"error mock-response keepalive"},
		},
		"MOCK without template": {
			func(c *cloud) { c.integrationResponses["mock"][0].ResponseTemplates = nil },
			[]string{"error mock-response keepalive"},
		},
		"MOCK with another frame": {func(c *cloud) {
			c.integrationResponses["mock"][0].ResponseTemplates = map[string]string{"200": "pong"}
		}, []string{"warning mock-frame keepalive"}},
		"no method": {
			func(c *cloud) {
				other(c, "join", func(i *gateway.Integration) { i.IntegrationMethod = nil })
			},
			[]string{},
		},
	}
}

// authorizerDamage is damage to the authorizer, and to what else decides who may connect.
func authorizerDamage() map[string]damage {
	return map[string]damage{
		"API key": {
			func(c *cloud) { c.routes["$connect"].ApiKeyRequired = aws.Bool(true) }, []string{"note api-key $connect"},
		},
		"API key of the authorizer": {func(c *cloud) {
			c.routes["$connect"].ApiKeyRequired = aws.Bool(true)
			c.api.ApiKeySelectionExpression = aws.String("$context.authorizer.usageIdentifierKey")
		}, []string{}},
		"authorization of a route": {
			func(c *cloud) { c.routes["join"].AuthorizationType = gateway.AuthorizationTypeAwsIam },
			[]string{"note route-authorization join"},
		},
		"no authorizer": {
			func(c *cloud) { c.routes["$connect"].AuthorizationType = gateway.AuthorizationTypeNone },
			[]string{"error authorizer-missing"},
		},
		"authorizer gone": {
			func(c *cloud) { delete(c.authorizers, "auth") }, []string{"error authorizer-missing"},
		},
		"authorizer of the wrong type": {
			func(c *cloud) { c.authorizers["auth"].AuthorizerType = gateway.AuthorizerTypeJwt },
			[]string{"error authorizer-type"},
		},
		"authorizer without function": {
			func(c *cloud) { c.authorizers["auth"].AuthorizerUri = aws.String("x") }, []string{"error authorizer-uri"},
		},
		"another authorizer": {func(c *cloud) {
			c.target.Functions = []string{app}
			c.authorizers["auth"].AuthorizerUri = aws.String(strings.Replace(appURI, app, "other", 1))
		}, []string{"error authorizer-function"}},
		"surplus identity source": {func(c *cloud) {
			c.authorizers["auth"].IdentitySource = []string{"route.request.header.Authorization"}
		}, []string{"error identity-sources"}},
		"missing identity source": {func(c *cloud) {
			c.app.Authorizer.IdentitySources = []string{"route.request.header.Authorization"}
		}, []string{"warning identity-sources-missing"}},
		"identity sources in another case": {func(c *cloud) {
			c.app.Authorizer.IdentitySources = []string{"route.request.header.authorization"}
			c.authorizers["auth"].IdentitySource = []string{"route.request.header.Authorization"}
		}, []string{}},
		"authorizer superfluous": {func(c *cloud) { c.app.Authorizer = nil }, []string{"error authorizer-superfluous"}},
		"IAM instead": {func(c *cloud) {
			c.app.Authorizer = nil
			c.routes["$connect"].AuthorizationType = gateway.AuthorizationTypeAwsIam
		}, []string{"note authorizer-iam"}},
		"API key, API not readable": {
			func(c *cloud) {
				c.routes["$connect"].ApiKeyRequired = aws.Bool(true)
				c.fails["GetApi"] = failure("AccessDeniedException")
			},
			[]string{"error api-unread a1b2c3d4e5", `warning not-checked the API "a1b2c3d4e5"`, "note api-key $connect"},
		},
	}
}
