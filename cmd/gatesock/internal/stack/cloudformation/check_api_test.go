package cloudformation_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/describe"
)

// accessLog checks that the access log is a line of JSON with the fields that people need.
func (c *checker) accessLog(settings any) {
	format := text(settings, "Format")
	const most = 3 << 10
	if len(format) > most || strings.Contains(format, "\n") || !json.Valid([]byte(format)) {
		c.fail("the access log is not a line of JSON of at most 3 KB")
	}
	for _, variable := range []string{
		"requestId", "connectionId", "connectedAt", "eventType", "routeKey", "messageId", "status",
		"stage", "identity.sourceIp", "authorizer.principalId", "integration.latency", "error.message", "waf.status",
	} {
		if !strings.Contains(format, `"$context.`+variable+`"`) {
			c.fail("the access log has no %s", variable)
		}
	}
	group := list(at(settings, "DestinationArn", "Fn::GetAtt"))
	if len(group) == 0 || text(c.resources, group[0].(string), "Type") != "AWS::Logs::LogGroup" {
		c.fail("the access log has no log group")
	}
}

var integrationName = regexp.MustCompile(`^integrations/\$\{(\w+)\}$`)

// integrationOf returns the integration of a route.
func (c *checker) integrationOf(route string) string {
	target := c.property(route, "Target")
	name := ""
	if match := integrationName.FindStringSubmatch(text(target, "Fn::Sub")); match != nil {
		name = match[1]
	} else if join := list(at(target, "Fn::Join")); len(join) == 2 {
		if parts := list(join[1]); len(parts) == 2 && parts[0] == "integrations" {
			name = text(parts[1], "Ref")
		}
	}
	if text(c.resources, name, "Type") != "AWS::ApiGatewayV2::Integration" {
		c.fail("%s has no integration", route)
	}
	return name
}

// routes checks that the API has the routes of the application, with the responses that they need.
func (c *checker) routes() {
	responses := map[string]string{} // by route
	for _, id := range c.of("AWS::ApiGatewayV2::RouteResponse") {
		route, ok := c.refers(c.property(id, "RouteId"), "AWS::ApiGatewayV2::Route")
		if !ok || c.property(id, "RouteResponseKey") != "$default" {
			c.fail("%s is not the response $default of a route", id)
		}
		responses[route] = id
	}
	want := map[string]describe.Route{}
	for _, r := range c.app.Routes {
		want[r.Key] = r
	}
	for _, id := range c.of("AWS::ApiGatewayV2::Route") {
		key := fmt.Sprint(c.property(id, "RouteKey"))
		route, known := want[key]
		if !known {
			c.fail("%s has the key %q, which no route of the program has, or which is there twice", id, key)
		}
		delete(want, key)
		selects := c.property(id, "RouteResponseSelectionExpression")
		if (selects == "$default") != route.NeedsResponse() || (responses[id] != "") != route.NeedsResponse() {
			c.fail("the route %s answers: %v, selects a response: %v, has one: %v", key, route.NeedsResponse(), selects, responses[id] != "")
		}
		isMock := c.property(c.integrationOf(id), "IntegrationType") == "MOCK"
		if isMock != (route.Answer == describe.AnswerMock) {
			c.fail("the route %s has the wrong kind of integration", key)
		}
	}
	for _, key := range keys(want) {
		c.fail("the route %s is missing", key)
	}
}

// mocks checks that MOCK integrations answer the frames of their routes.
func (c *checker) mocks() {
	responses := map[string]string{} // by integration
	for _, id := range c.of("AWS::ApiGatewayV2::IntegrationResponse") {
		responses[text(c.property(id, "IntegrationId"), "Ref")] = id
	}
	for _, id := range c.of("AWS::ApiGatewayV2::Route") {
		integration := c.integrationOf(id)
		if c.property(integration, "IntegrationType") != "MOCK" {
			continue
		}
		template := fmt.Sprint(c.property(integration, "TemplateSelectionExpression"))
		if text(c.property(integration, "RequestTemplates"), template) != `{"statusCode":200}` {
			c.fail("%s has no request template", integration)
		}
		response := responses[integration]
		if response == "" {
			c.fail("%s has no integration response", integration)
			continue
		}
		if c.property(response, "IntegrationResponseKey") != "/200/" {
			c.fail("%s is not for the status of the request template", response)
		}
		template = fmt.Sprint(c.property(response, "TemplateSelectionExpression"))
		frame := text(c.property(response, "ResponseTemplates"), template)
		i := slices.IndexFunc(c.app.Routes, func(r describe.Route) bool { return r.Key == c.property(id, "RouteKey") })
		if i < 0 || !sameJSON(frame, c.app.Routes[i].Mock) || strings.ContainsAny(frame, "$#") {
			c.fail("%s answers %q", response, frame)
		}
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

// authorizer checks that $connect has the authorizer, if there is one, and no other route.
func (c *checker) authorizer() {
	for _, id := range c.of("AWS::ApiGatewayV2::Route") {
		_, has := c.refers(c.property(id, "AuthorizerId"), "AWS::ApiGatewayV2::Authorizer")
		has = has && c.property(id, "AuthorizationType") == "CUSTOM"
		if has != (c.app.Authorizer != nil && c.property(id, "RouteKey") == "$connect") {
			c.fail("%s has an authorizer: %v", id, has)
		}
	}
	for _, id := range c.of("AWS::ApiGatewayV2::Authorizer") {
		var sources []string
		for _, s := range list(c.property(id, "IdentitySource")) {
			sources = append(sources, fmt.Sprint(s))
		}
		if c.app.Authorizer == nil || !slices.Equal(sources, c.app.Authorizer.IdentitySources) || c.property(id, "AuthorizerType") != "REQUEST" {
			c.fail("%s has the identity sources %q", id, sources)
		}
	}
}

// invoked returns the function that a URI of an integration or an authorizer invokes.
func invoked(uri any) any {
	parts := list(at(uri, "Fn::Sub"))
	if len(parts) != 2 || !strings.HasSuffix(fmt.Sprint(parts[0]), "/invocations") {
		return nil
	}
	for _, target := range parts[1].(tree) {
		return target
	}
	return nil
}

// grants reports whether a permission lets this API invoke a function.
func (c *checker) grants(function any, source *regexp.Regexp) bool {
	for _, id := range c.of("AWS::Lambda::Permission") {
		p := c.property(id)
		arn := list(at(p, "SourceArn", "Fn::Sub"))
		if at(p, "Action") == "lambda:InvokeFunction" && at(p, "Principal") == "apigateway.amazonaws.com" &&
			reflect.DeepEqual(at(p, "FunctionName"), function) && len(arn) > 0 && source.MatchString(fmt.Sprint(arn[0])) {
			return true
		}
	}
	return false
}

const executeAPI = `^arn:\$\{AWS::Partition\}:execute-api:\$\{AWS::Region\}:\$\{AWS::AccountId\}:\$\{Api\}/`

var (
	ofAuthorizer = regexp.MustCompile(executeAPI + `authorizers/(\$\{Authorizer\}|\*)$`)
	ofRoute      = regexp.MustCompile(executeAPI + `\$\{(StageName|__StageName__)\}/.+$`)
)

// permissions checks that the API may invoke what it invokes, and that each permission names who
// may.
func (c *checker) permissions() {
	for _, id := range c.of("AWS::ApiGatewayV2::Route") {
		integration := c.integrationOf(id)
		if c.property(integration, "IntegrationType") == "MOCK" {
			continue
		}
		route := regexp.MustCompile(executeAPI + `\$\{(StageName|__StageName__)\}/(\*|` + regexp.QuoteMeta(fmt.Sprint(c.property(id, "RouteKey"))) + `)$`)
		target := invoked(c.property(integration, "IntegrationUri"))
		if target == nil || !c.grants(target, route) {
			c.fail("the API may not invoke the function of %s", id)
		}
	}
	for _, id := range c.of("AWS::ApiGatewayV2::Authorizer") {
		if target := invoked(c.property(id, "AuthorizerUri")); target == nil || !c.grants(target, ofAuthorizer) {
			c.fail("the API may not invoke %s", id)
		}
	}
	for _, id := range c.of("AWS::Lambda::Permission") {
		p := c.property(id)
		isURL := at(p, "FunctionUrlAuthType") == "NONE" || at(p, "InvokedViaFunctionUrl") == true
		isAPI := at(p, "Principal") == "apigateway.amazonaws.com"
		arn := at(p, "SourceArn")
		pattern := ""
		if sub := list(at(arn, "Fn::Sub")); len(sub) > 0 {
			pattern = fmt.Sprint(sub[0])
		}
		switch {
		case isURL && arn == nil:
		case arn == nil:
			c.fail("%s names no source", id)
		case isAPI && !ofAuthorizer.MatchString(pattern) && !ofRoute.MatchString(pattern):
			c.fail("%s is not for this stage of this API", id)
		case !isAPI && strings.Contains(fmt.Sprint(arn), "*"):
			c.fail("%s has a wildcard", id)
		}
	}
}
