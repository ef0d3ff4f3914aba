package serverless

import (
	"cmp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// apiID is the logical id of the service's WebSocket API.
const apiID = "WebsocketsApi"

// route is a websocket event.
type route struct {
	function lambda
	key      string
	line     int
	keyLine  int
	response *yaml.Node
	auth     *yaml.Node
}

// routeID returns the route key as the framework has it in logical ids.
func routeID(key string) string {
	return strings.NewReplacer("$", "S", "/", "Slash", "-", "Dash", "_", "Underscore", ".", "Period").Replace(key)
}

// event is an event of a function: its kind, such as "sqs", and what it has.
type event struct {
	kind  string
	key   *yaml.Node
	value *yaml.Node
	all   *yaml.Node // the element of events
	index int        // in events, from 1
}

// events returns the events of a function.
func (s *service) events(f lambda) []event {
	n := get(f.node, "events")
	if isNull(n) {
		return nil
	}
	if !isList(n) {
		s.add(project.Failure, n.Line, f.id, "The events are not a list; begin each with a dash.")
		return nil
	}
	var list []event
	for i, item := range n.Content {
		switch {
		case isMapping(item) && len(item.Content) > 0:
			key, value := item.Content[0], item.Content[1]
			list = append(list, event{kind: key.Value, key: key, value: value, all: item, index: i + 1})
		case isText(item): // such as "- alexaSkill"
			list = append(list, event{kind: item.Value, key: item, value: null(item.Line), all: mapping(), index: i + 1})
		default:
			s.add(project.Warning, n.Line, f.id, "An event is empty, and is left out.")
		}
	}
	return list
}

// addWebSockets adds the WebSocket API with its routes, if there are any.
func (s *service) addWebSockets() {
	var routes []route
	byKey := map[string]int{}
	for _, f := range s.functions {
		for _, e := range s.events(f) {
			if e.kind != "websocket" && get(e.all, "websocket") == nil {
				continue
			}
			r, ok := s.route(f, e)
			if !ok {
				continue
			}
			if i, ok := byKey[r.key]; ok {
				s.add(project.Warning, r.keyLine, f.id, "The route %s occurs twice, and this one counts; it belongs to %s before.",
					short(r.key), short(routes[i].function.key))
				routes[i] = r
				continue
			}
			byKey[r.key] = len(routes)
			routes = append(routes, r)
		}
	}
	if len(routes) == 0 {
		if !contains(get(s.tree, "resources"), "AWS::ApiGatewayV2::Route") {
			s.noRoutes = true
			s.add(project.Failure, s.tree.Line, "", "No function has a websocket event, so there is no WebSocket API to serve.")
		}
		return
	}
	s.addAPI(routes[0].line)
	for _, r := range routes {
		s.addRoute(r)
	}
}

// addAPI adds the API, its stage and its deployment.
func (s *service) addAPI(line int) {
	if n := at(s.provider, "apiGateway", "websocketApiId"); !isNull(n) {
		s.add(project.Notice, n.Line, "", "The routes belong to an API of another stack; here they are an API of their own.")
	}
	expression := given(get(s.provider, "websocketsApiRouteSelectionExpression"))
	if expression == nil {
		expression = text("$request.body.action")
	}
	name := text(s.stageName + "-" + s.name + "-websockets")
	if n := get(s.provider, "websocketsApiName"); isText(n) {
		name = n
	}
	s.addResource(apiID, "AWS::ApiGatewayV2::Api", line, mapping(
		"Name", name, "ProtocolType", "WEBSOCKET", "RouteSelectionExpression", expression))
	s.addResource("WebsocketsDeployment", "AWS::ApiGatewayV2::Deployment", line, mapping("ApiId", ref(apiID)))
	s.addResource("WebsocketsDeploymentStage", "AWS::ApiGatewayV2::Stage", line, mapping(
		"ApiId", ref(apiID), "StageName", s.stageName, "DeploymentId", ref("WebsocketsDeployment")))
}

// route reads a websocket event.
func (s *service) route(f lambda, e event) (route, bool) {
	key, value := entry(e.all, "websocket")
	if key == nil { // "- websocket" without a value
		key, value = e.key, e.value
	}
	r := route{function: f, line: key.Line, keyLine: key.Line}
	if isNull(value) && len(e.all.Content) > 2 {
		s.add(project.Warning, key.Line, f.id,
			"What belongs to websocket is beside it; indent it further, for the Serverless Framework does not see it.")
		value = e.all
	}
	switch {
	case isText(value):
		r.key, r.keyLine = value.Value, value.Line
	case isMapping(value):
		for _, name := range []string{"route", "routeKey"} { // the second one is of old versions
			if n := get(value, name); isText(n) {
				r.key, r.keyLine = n.Value, n.Line
				break
			}
		}
		r.response, r.auth = given(get(value, "routeResponseSelectionExpression")), given(get(value, "authorizer"))
	}
	r.key = strings.TrimSpace(r.key)
	if r.key == "" {
		s.add(project.Failure, key.Line, f.id, "The websocket event has no route; write route: and a route key, such as $default.")
		return r, false
	}
	return r, true
}

// addRoute adds a route, its integration, its response and its authorizer.
func (s *service) addRoute(r route) {
	id := routeID(r.key) + "WebsocketsRoute"
	integration := normalize(r.function.key) + "WebsocketsIntegration"
	s.addResource(integration, "AWS::ApiGatewayV2::Integration", r.line, mapping(
		"ApiId", ref(apiID), "IntegrationType", "AWS_PROXY", "IntegrationUri", invocations(arnOf(r.function.id))))
	key := text(r.key)
	key.Line = r.keyLine
	properties := mapping("ApiId", ref(apiID), "RouteKey", key, "AuthorizationType", "NONE",
		"Target", join("/", "integrations", ref(integration)), "RouteResponseSelectionExpression", r.response)
	if r.auth != nil {
		s.addAuthorizer(r, properties)
	}
	s.addResource(id, "AWS::ApiGatewayV2::Route", r.line, properties)
	if r.response != nil {
		s.addResource(id+"Response", "AWS::ApiGatewayV2::RouteResponse", r.response.Line, mapping(
			"ApiId", ref(apiID), "RouteId", ref(id), "RouteResponseKey", "$default"))
	}
}

// invocations returns the URI of a function for an integration or an authorizer.
func invocations(arn *yaml.Node) *yaml.Node {
	return join("", "arn:", ref("AWS::Partition"), ":apigateway:", ref("AWS::Region"),
		":lambda:path/2015-03-31/functions/", arn, "/invocations")
}

// addAuthorizer adds the authorizer of a route, and sets it in the route's properties.
func (s *service) addAuthorizer(r route, properties *yaml.Node) {
	name, arn, source := "", (*yaml.Node)(nil), (*yaml.Node)(nil)
	switch {
	case isText(r.auth):
		name = r.auth.Value
	case isMapping(r.auth):
		name, arn, source = textOf(get(r.auth, "name")), given(get(r.auth, "arn")), given(get(r.auth, "identitySource"))
		if fn, _ := function(r.auth); fn != "" { // authorizer: !GetAtt …
			arn = r.auth
		}
	}
	if strings.Contains(name, ":") {
		arn, name = text(name), ""
	}
	switch {
	case arn != nil:
		last := textOf(arn)
		if _, argument := function(arn); argument != nil {
			last = strings.TrimSuffix(firstText(argument), "LambdaFunction")
		}
		name = cmp.Or(name, last[strings.LastIndex(last, ":")+1:], "authorizer")
	case s.lambda(name) != nil:
		arn = arnOf(s.lambda(name).id)
	default:
		s.add(project.Failure, r.auth.Line, r.function.id,
			"There is no function %q for the authorizer of %s; anybody may connect here. The service has %s.",
			short(name), short(r.key), short(strings.Join(s.functionKeys(), ", ")))
		return
	}
	if r.key != "$connect" {
		s.add(project.Warning, r.auth.Line, r.function.id, "Only $connect can have an authorizer; that of %s is left out.", short(r.key))
		return
	}
	sources := list()
	for _, n := range items(source) {
		for part := range strings.SplitSeq(textOf(n), ",") {
			item := text(strings.TrimSpace(part))
			item.Line = n.Line
			sources.Content = append(sources.Content, item)
		}
	}
	if source == nil {
		sources = list("route.request.header.Auth")
	}
	id := normalize(name) + "WebsocketsAuthorizer"
	s.addResource(id, "AWS::ApiGatewayV2::Authorizer", r.auth.Line, mapping(
		"ApiId", ref(apiID), "Name", name, "AuthorizerType", "REQUEST", "AuthorizerUri", invocations(arn), "IdentitySource", sources))
	set(properties, "AuthorizationType", text("CUSTOM"))
	set(properties, "AuthorizerId", ref(id))
}

// firstText returns the first text in a tree.
func firstText(n *yaml.Node) string {
	if isText(n) {
		return n.Value
	}
	for _, child := range n.Content {
		if s := firstText(child); s != "" {
			return s
		}
	}
	return ""
}

func (s *service) functionKeys() []string {
	var list []string
	for _, f := range s.functions {
		list = append(list, f.key)
	}
	return list
}
