package template

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// ServerlessTransform is the transform of AWS SAM.
const ServerlessTransform = "AWS::Serverless-2016-10-31"

// expandSAM replaces each AWS::Serverless::WebSocketApi by the resources that the transform of SAM
// makes of it (serverless-application-model 7000d0a, websocket_api_generator.py). There are no
// route responses among them. Other resources of SAM get what they lack from Globals.
func (t *Template) expandSAM(p *parser, globals map[string]*node) error {
	for _, kind := range []string{"Function", "SimpleTable", "LayerVersion"} {
		for _, r := range t.Resources("AWS::Serverless::" + kind) {
			r.properties = withGlobals(globals[kind], r.properties)
		}
	}
	for _, api := range t.Resources("AWS::Serverless::WebSocketApi") {
		s := samAPI{parser: p, template: t, api: api}
		if !slices.Contains(t.Transforms, ServerlessTransform) {
			if err := s.wrong(nil, "this type needs the Transform %s", ServerlessTransform); err != nil {
				return err
			}
		}
		if err := s.expand(globals["WebSocketApi"]); err != nil {
			return err
		}
	}
	return nil
}

// withGlobals returns the properties of a resource of SAM, with what they lack and Globals have.
func withGlobals(globals, properties *node) *node {
	if globals == nil || globals.kind != object || properties != nil && properties.kind != object {
		return properties
	}
	members := maps.Clone(globals.members)
	if properties != nil {
		merge(members, properties.members)
	}
	return &node{kind: object, members: members}
}

// samAPI is an AWS::Serverless::WebSocketApi.
type samAPI struct {
	*parser
	template   *Template
	api        *Resource
	properties map[string]*node
}

// wrong returns an error of the API, or records it and returns nil. n is where it is, or nil.
func (s *samAPI) wrong(n *node, format string, args ...any) error {
	if n == nil {
		n = &node{}
		if s.lenient {
			n.line = s.api.line
		}
	}
	if s.lenient {
		s.problems = append(s.problems, Problem{Line: n.place(), Resource: s.api.ID, Text: fmt.Sprintf(format, args...)})
		return nil
	}
	return fmt.Errorf("%s: %w", s.api, n.errorf(format, args...))
}

// severe records, if the parser is lenient, what keeps a part of the API from working.
func (s *samAPI) severe(n *node, format string, args ...any) {
	if s.lenient {
		_ = s.wrong(n, format, args...)
		s.problems[len(s.problems)-1].Severe = true
	}
}

func (s *samAPI) expand(globals *node) error {
	s.properties = map[string]*node{}
	for _, from := range []*node{globals, s.api.properties} {
		if from != nil && from.kind == function {
			if err := s.wrong(from, "Properties must not be a function"); err != nil {
				return err
			}
		}
		if from != nil {
			merge(s.properties, from.members)
		}
	}
	s.checkNames()
	routes := s.properties["Routes"]
	if routes == nil || len(routes.members) == 0 {
		if err := s.wrong(nil, "it has no Routes"); err != nil {
			return err
		}
		routes = &node{}
	}
	auth, err := s.authorization(routes)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(routes.members)) {
		if err := s.addRoute(key, routes.members[key], auth); err != nil {
			return err
		}
	}
	if err := s.addStage(); err != nil {
		return err
	}
	s.api.Type, s.api.Generated = "AWS::ApiGatewayV2::Api", s.api.ID
	s.api.properties = s.pick(map[string]*node{"ProtocolType": textNode("WEBSOCKET")},
		"RouteSelectionExpression", "ApiKeySelectionExpression", "Name")
	return s.addDomain()
}

// checkNames records, if the parser is lenient, properties that are written in wrong forms that
// have been published.
func (s *samAPI) checkNames() {
	for _, name := range slices.Sorted(maps.Keys(s.properties)) {
		switch n := s.properties[name]; {
		case strings.HasPrefix(name, "$"):
			s.severe(n, "the route %s must be below Routes: Routes: {%s: {FunctionArn: !GetAtt MyFunction.Arn}}",
				shorten(name), shorten(name))
		case name == "IAMAuthorization":
			s.severe(n, "there is no property IAMAuthorization; write Auth: {AuthType: AWS_IAM}")
		}
	}
	if auth := s.properties["Auth"]; auth != nil && auth.members["IAMAuthorization"] != nil {
		s.severe(auth.members["IAMAuthorization"], "there is no property IAMAuthorization; write Auth: {AuthType: AWS_IAM}")
	}
}

// merge adds members to those of Globals, as SAM does: objects are merged, lists are appended, and
// other values are replaced.
func merge(into, from map[string]*node) {
	for name, n := range from {
		switch of := into[name]; {
		case of == nil:
		case of.kind == object && n.kind == object:
			members := maps.Clone(of.members)
			merge(members, n.members)
			n = &node{kind: object, line: n.line, at: n.at, members: members}
		case of.kind == list && n.kind == list:
			n = &node{kind: list, line: n.line, at: n.at, items: slices.Concat(of.items, n.items)}
		}
		into[name] = n
	}
}

// authorization returns the properties of the route $connect that say who may connect, and adds an
// authorizer.
func (s *samAPI) authorization(routes *node) (map[string]*node, error) {
	auth := s.properties["Auth"]
	if auth == nil {
		return nil, nil
	}
	if routes.members["$connect"] == nil {
		return nil, s.wrong(nil, "Auth needs a route $connect")
	}
	properties := map[string]*node{}
	if kind := auth.members["AuthType"]; kind != nil {
		properties["AuthorizationType"] = kind
	} else {
		s.severe(auth, "Auth needs an AuthType: NONE, AWS_IAM or CUSTOM")
	}
	if arn := auth.members["AuthArn"]; arn != nil {
		id := s.api.ID + "ConnectAuthorizer"
		properties["AuthorizerId"] = refNode(id)
		authorizer := map[string]*node{"AuthorizerType": textNode("REQUEST"), "AuthorizerUri": arn}
		if sources := auth.members["IdentitySource"]; sources != nil {
			authorizer["IdentitySource"] = sources
		}
		if err := s.add(auth, id, "AWS::ApiGatewayV2::Authorizer", authorizer); err != nil {
			return nil, err
		}
	}
	return properties, nil
}

// addRoute adds a route and its integration.
func (s *samAPI) addRoute(key string, n *node, auth map[string]*node) error {
	name := strings.TrimPrefix(key, "$")
	special := key == "$connect" || key == "$disconnect" || key == "$default"
	isOther := func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') }
	if name == "" || !special && strings.ContainsFunc(key, isOther) {
		err := s.wrong(n, "the route key %q must have letters and digits only: SAM accepts no others", shorten(key))
		if err != nil || name == "" {
			return err
		}
	}
	id := s.api.ID + capitalize(name)
	for s.lenient && s.template.resources[id+"Route"] != nil {
		_ = s.wrong(n, "SAM makes a resource %sRoute of the route %s, but there is one already", shorten(id), shorten(key))
		id += "Other"
	}
	route := map[string]*node{
		"RouteKey": textNode(key),
		"Target": {kind: function, text: "Fn::Join", items: []*node{{kind: list, items: []*node{
			textNode("/"), {kind: list, items: []*node{textNode("integrations"), refNode(id + "Integration")}},
		}}}},
	}
	for _, property := range []string{"ApiKeyRequired", "RequestModels", "RouteResponseSelectionExpression"} {
		if v := n.members[property]; v != nil {
			route[property] = v
		}
	}
	if key == "$connect" {
		maps.Copy(route, auth)
	}
	integration := map[string]*node{"IntegrationType": textNode("AWS_PROXY")}
	for from, to := range map[string]string{"FunctionArn": "IntegrationUri", "IntegrationTimeout": "TimeoutInMillis"} {
		if v := n.members[from]; v != nil {
			integration[to] = v
		}
	}
	if n.members["FunctionArn"] == nil {
		s.severe(n, "the route %s has no FunctionArn", shorten(key))
	}
	if err := s.add(n, id+"Route", "AWS::ApiGatewayV2::Route", route); err != nil {
		return err
	}
	return s.add(n, id+"Integration", "AWS::ApiGatewayV2::Integration", integration)
}

// capitalize returns a name with a capital followed by no other, as Python does.
func capitalize(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	return strings.ToUpper(string(first)) + strings.ToLower(name[size:])
}

// addDomain adds the custom domain name of the API, if it has one.
func (s *samAPI) addDomain() error {
	domain := s.properties["Domain"]
	if !s.lenient || domain == nil || domain.members["DomainName"] == nil {
		return nil
	}
	keys := []*node{textNode("")}
	if path := domain.members["BasePath"]; path != nil {
		keys = append(path.items, path)[:max(len(path.items), 1)]
	}
	for i, key := range keys {
		err := s.add(domain, fmt.Sprintf("%sApiMapping%d", s.api.ID, i), "AWS::ApiGatewayV2::ApiMapping", map[string]*node{
			"DomainName": domain.members["DomainName"], "ApiMappingKey": key, "Stage": refNode(s.stageID()),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *samAPI) stageID() string {
	switch name := s.properties["StageName"]; {
	case name == nil:
		return s.api.ID + "DefaultStage"
	case name.kind == scalar:
		return s.api.ID + name.text + "Stage"
	}
	return s.api.ID + "Stage" // of a name that is the result of a function
}

func (s *samAPI) addStage() error {
	stage := s.pick(map[string]*node{"StageName": textNode("default")},
		"StageName", "StageVariables", "RouteSettings", "DefaultRouteSettings")
	return s.add(&node{line: s.api.line}, s.stageID(), "AWS::ApiGatewayV2::Stage", stage.members)
}

// pick returns an object with these members and the properties of the API that have these names.
func (s *samAPI) pick(members map[string]*node, names ...string) *node {
	for _, name := range names {
		if v := s.properties[name]; v != nil {
			members[name] = v
		}
	}
	return &node{kind: object, members: members}
}

// add adds a resource that is made of n.
func (s *samAPI) add(n *node, id, kind string, properties map[string]*node) error {
	if other := s.template.resources[id]; other != nil {
		return s.wrong(nil, "SAM makes a resource %s of it, but there is %s already", id, other)
	}
	properties["ApiId"] = refNode(s.api.ID)
	s.template.resources[id] = &Resource{
		ID: id, Type: kind, Generated: s.api.ID, condition: s.api.condition, line: n.place(),
		properties: &node{kind: object, members: properties},
	}
	return nil
}

func textNode(text string) *node { return &node{kind: scalar, text: text} }

func refNode(id string) *node {
	return &node{kind: function, text: "Ref", items: []*node{textNode(id)}}
}
