package template

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ServerlessTransform is the transform of AWS SAM.
const ServerlessTransform = "AWS::Serverless-2016-10-31"

// expandSAM replaces each AWS::Serverless::WebSocketApi by the resources that the transform of SAM
// makes of it (serverless-application-model 7000d0a, websocket_api_generator.py). There are no
// route responses among them. The functions get the timeout in Globals, if they have none.
func (t *Template) expandSAM(globals map[string]*node) error {
	for _, function := range t.Resources("AWS::Serverless::Function") {
		function.properties = withGlobals(globals["Function"], function.properties, "Timeout")
	}
	for _, api := range t.Resources("AWS::Serverless::WebSocketApi") {
		if !slices.Contains(t.Transforms, ServerlessTransform) {
			return fmt.Errorf("%s: this type needs the Transform %s", api, ServerlessTransform)
		}
		s := samAPI{template: t, api: api}
		if err := s.expand(globals["WebSocketApi"]); err != nil {
			return fmt.Errorf("%s: %w", api, err)
		}
	}
	return nil
}

// withGlobals returns the properties of a resource of SAM with one that they lack and Globals have.
func withGlobals(globals, properties *node, name string) *node {
	if globals == nil || globals.members[name] == nil || properties != nil && properties.kind == function {
		return properties
	}
	members := map[string]*node{name: globals.members[name]}
	if properties != nil {
		maps.Copy(members, properties.members)
	}
	return &node{kind: object, members: members}
}

// samAPI is an AWS::Serverless::WebSocketApi.
type samAPI struct {
	template   *Template
	api        *Resource
	properties map[string]*node
}

func (s *samAPI) expand(globals *node) error {
	s.properties = map[string]*node{}
	for _, from := range []*node{globals, s.api.properties} {
		if from != nil && from.kind == function {
			return from.errorf("Properties must not be a function")
		}
		if from != nil {
			merge(s.properties, from.members)
		}
	}
	routes := s.properties["Routes"]
	if routes == nil || len(routes.members) == 0 {
		return errors.New("it has no Routes")
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
	s.api.Type = "AWS::ApiGatewayV2::Api"
	s.api.properties = s.pick(map[string]*node{"ProtocolType": textNode("WEBSOCKET")},
		"RouteSelectionExpression", "ApiKeySelectionExpression")
	return s.addStage()
}

// merge adds members to those of Globals, as SAM does: objects are merged, other values replaced.
func merge(into, from map[string]*node) {
	for name, n := range from {
		if of := into[name]; of != nil && of.kind == object && n.kind == object {
			members := maps.Clone(of.members)
			merge(members, n.members)
			n = &node{kind: object, line: n.line, members: members}
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
		return nil, errors.New("Auth needs a route $connect") //nolint:staticcheck // a property's name
	}
	properties := map[string]*node{}
	if kind := auth.members["AuthType"]; kind != nil {
		properties["AuthorizationType"] = kind
	}
	if arn := auth.members["AuthArn"]; arn != nil {
		id := s.api.ID + "ConnectAuthorizer"
		properties["AuthorizerId"] = refNode(id)
		authorizer := map[string]*node{"AuthorizerType": textNode("REQUEST"), "AuthorizerUri": arn}
		if sources := auth.members["IdentitySource"]; sources != nil {
			authorizer["IdentitySource"] = sources
		}
		if err := s.add(id, "AWS::ApiGatewayV2::Authorizer", authorizer); err != nil {
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
		return n.errorf("the route key %q must have letters and digits only: SAM accepts no others", shorten(key))
	}
	id := s.api.ID + strings.ToUpper(name[:1]) + strings.ToLower(name[1:])
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
	if err := s.add(id+"Route", "AWS::ApiGatewayV2::Route", route); err != nil {
		return err
	}
	return s.add(id+"Integration", "AWS::ApiGatewayV2::Integration", integration)
}

func (s *samAPI) addStage() error {
	id := s.api.ID + "Stage" // of a name that is the result of a function
	switch name := s.properties["StageName"]; {
	case name == nil:
		id = s.api.ID + "DefaultStage"
	case name.kind == scalar:
		id = s.api.ID + name.text + "Stage"
	}
	stage := s.pick(map[string]*node{"StageName": textNode("default")},
		"StageName", "StageVariables", "RouteSettings", "DefaultRouteSettings")
	return s.add(id, "AWS::ApiGatewayV2::Stage", stage.members)
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

// add adds a resource of the API.
func (s *samAPI) add(id, kind string, properties map[string]*node) error {
	if other := s.template.resources[id]; other != nil {
		return fmt.Errorf("SAM makes a resource %s of it, but there is %s already", id, other)
	}
	properties["ApiId"] = refNode(s.api.ID)
	s.template.resources[id] = &Resource{
		ID: id, Type: kind, condition: s.api.condition, properties: &node{kind: object, members: properties},
	}
	return nil
}

func textNode(text string) *node { return &node{kind: scalar, text: text} }

func refNode(id string) *node {
	return &node{kind: function, text: "Ref", items: []*node{textNode(id)}}
}
