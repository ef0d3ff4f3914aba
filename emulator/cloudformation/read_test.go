package cloudformation_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/cloudformation"
	"github.com/gatesock/gatesock/eventmux"
)

// example returns testdata/api.yaml, with replacements of texts, which must occur once.
func example(t *testing.T, oldnew ...string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/api.yaml")
	require.NoError(t, err)
	text := string(data)
	for i := 0; i < len(oldnew); i += 2 {
		require.Equal(t, 1, strings.Count(text, oldnew[i]), "occurrences of %q", oldnew[i])
		text = strings.Replace(text, oldnew[i], oldnew[i+1], 1)
	}
	return []byte(text)
}

func exampleConfig() emulator.Config {
	app := emulator.Timeouts{Integration: 5 * time.Second, Function: 10 * time.Second}
	return emulator.Config{
		APIID: "Api", Stage: "prod", Region: "us-east-1", AccountID: "123456789012",
		RouteSelectionExpression: "$request.body.action", IgnoreDescription: true,
		Routes: []gatesock.Route{
			{Key: "$connect"},
			{Key: "$disconnect"},
			{Key: "keepalive", NeedsResponse: true, Mock: []byte(`{"action":"keepalive","data":null}`)},
			{Key: "say", NeedsResponse: true},
			{Key: "typing"},
		},
		Authorizer: &emulator.Authorizer{
			FunctionTimeout: 10 * time.Second,
			IdentitySources: []string{"route.request.header.Authorization", "route.request.querystring.token"},
		},
		RouteTimeouts:   map[string]emulator.Timeouts{"$connect": app, "$disconnect": app, "say": app, "typing": app},
		RouteThrottles:  map[string]emulator.Throttle{"say": {Rate: 2.5}},
		DefaultThrottle: emulator.Throttle{Rate: 500, Burst: 1000},
		StageVariables:  map[string]string{"color": "blue", "region": "us-east-1"},
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	cfg, err := cloudformation.Read(example(t))
	require.NoError(t, err)
	require.Equal(t, exampleConfig(), cfg)
}

// JSON has the long forms of functions only.
func TestReadJSON(t *testing.T) {
	t.Parallel()
	cfg, err := cloudformation.Read(asJSON(t, example(t)))
	require.NoError(t, err)
	require.Equal(t, exampleConfig(), cfg)
}

// asJSON returns a template in YAML as JSON with tabs.
func asJSON(t *testing.T, text []byte) []byte {
	t.Helper()
	var document yaml.Node
	require.NoError(t, yaml.Unmarshal(text, &document))
	data, err := json.MarshalIndent(longForm(t, document.Content[0]), "", "\t")
	require.NoError(t, err)
	return data
}

func longForm(t *testing.T, n *yaml.Node) any {
	t.Helper()
	var value any
	switch n.Kind {
	case yaml.MappingNode:
		members := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			members[n.Content[i].Value] = longForm(t, n.Content[i+1])
		}
		value = members
	case yaml.SequenceNode:
		items := []any{}
		for _, item := range n.Content {
			items = append(items, longForm(t, item))
		}
		value = items
	default:
		plain := yaml.Node{Kind: yaml.ScalarNode, Value: n.Value}
		if n.Style != 0 || strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") || n.Tag == "!!timestamp" {
			return withFunction(n.Tag, n.Value)
		}
		require.NoError(t, plain.Decode(&value))
	}
	return withFunction(n.Tag, value)
}

func withFunction(tag string, argument any) any {
	name := strings.TrimPrefix(tag, "!")
	switch {
	case !strings.HasPrefix(tag, "!") || strings.HasPrefix(name, "!"):
		return argument
	case name == "Ref" || name == "Condition":
		return map[string]any{name: argument}
	case name == "GetAtt":
		if text, ok := argument.(string); ok {
			id, attribute, _ := strings.Cut(text, ".")
			argument = []any{id, attribute}
		}
	}
	return map[string]any{"Fn::" + name: argument}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	cfg, err := cloudformation.Read(example(t),
		cloudformation.WithParameter("StageName", "dev"),
		cloudformation.WithParameter("Sources", "context.identity.sourceIp"),
		cloudformation.WithParameter("ProvisionedConcurrency", "2"), // the URI is that of the alias
		cloudformation.WithParameter("DomainName", "ws.example.com"),
		cloudformation.WithParameter("AWS::Region", "cn-north-1"),
		cloudformation.WithParameter("AWS::AccountId", "210987654321"),
		cloudformation.WithAPI("Api"), cloudformation.WithStage("dev"),
		cloudformation.WithAPIKeys(emulator.APIKey{ID: "unused", Value: "x"}),
	)
	require.NoError(t, err)
	want := exampleConfig()
	want.Stage, want.Region, want.AccountID = "dev", "cn-north-1", "210987654321"
	want.StageVariables["region"] = "cn-north-1"
	want.Authorizer.IdentitySources = []string{"context.identity.sourceIp"}
	require.Equal(t, want, cfg)
}

// Each change of the template changes one thing of the configuration.
func TestWhatATemplateChanges(t *testing.T) {
	t.Parallel()
	route := func(key string, change func(*gatesock.Route)) func(*emulator.Config) {
		return func(c *emulator.Config) {
			for i := range c.Routes {
				if c.Routes[i].Key == key {
					change(&c.Routes[i])
				}
			}
		}
	}
	silent := func(r *gatesock.Route) { r.NeedsResponse = false }
	for name, c := range map[string]struct {
		oldnew []string
		want   func(*emulator.Config)
	}{
		"no route response": {[]string{"RouteId: !Ref SayRoute", "RouteId: !Ref TypingRoute"}, route("say", silent)},
		"no selection of the route response": {
			[]string{"RouteKey: say\n      RouteResponseSelectionExpression: $default\n", "RouteKey: say\n"}, route("say", silent),
		},
		"a route response with a condition": {
			[]string{"SayRouteResponse:\n", "SayRouteResponse:\n    Condition: Provisioned\n"}, route("say", silent),
		},
		"an integration response by default": {[]string{"Key: /200/", "Key: $default"}, func(*emulator.Config) {}},
		"one for several statuses":           {[]string{"Key: /200/", `Key: /2\d\d/`}, func(*emulator.Config) {}},
		"a MOCK route without a route response": {
			[]string{"RouteKey: keepalive\n      RouteResponseSelectionExpression: $default\n", "RouteKey: keepalive\n"},
			route("keepalive", func(r *gatesock.Route) { r.NeedsResponse, r.Mock = false, []byte{} }),
		},
		"a MOCK $connect": {
			[]string{"AuthorizerId: !Ref Authorizer\n      Target: !Sub integrations/${AppI", "AuthorizerId: !Ref Authorizer\n      Target: !Sub integrations/${KeepaliveI"},
			func(c *emulator.Config) {
				route("$connect", func(r *gatesock.Route) { r.Mock = []byte{} })(c)
				delete(c.RouteTimeouts, "$connect")
			},
		},
		"$connect without a target": {
			[]string{"AuthorizerId: !Ref Authorizer\n      Target: !Sub integrations/${AppIntegration}\n", "AuthorizerId: !Ref Authorizer\n"},
			func(c *emulator.Config) {
				route("$connect", func(r *gatesock.Route) { r.Mock = []byte{} })(c)
				delete(c.RouteTimeouts, "$connect")
			},
		},
		"no authorizer": {
			[]string{"AuthorizationType: CUSTOM", "AuthorizationType: NONE"}, func(c *emulator.Config) { c.Authorizer = nil },
		},
		"no identity source": {
			[]string{"      IdentitySource: !Ref Sources\n", ""}, func(c *emulator.Config) { c.Authorizer.IdentitySources = nil },
		},
		"IAM": {
			[]string{"AuthorizationType: CUSTOM", "AuthorizationType: AWS_IAM"},
			func(c *emulator.Config) { c.Authorizer, c.IAM = nil, &emulator.IAM{Connect: true} },
		},
		"IAM on another route": {
			[]string{"RouteKey: typing", "RouteKey: typing\n      AuthorizationType: AWS_IAM"}, func(*emulator.Config) {},
		},
		"Lambda's own timeout": {[]string{"      Timeout: 10\n", ""}, func(c *emulator.Config) {
			for key, t := range c.RouteTimeouts {
				t.Function = 3 * time.Second
				c.RouteTimeouts[key] = t
			}
			c.Authorizer.FunctionTimeout = 3 * time.Second
		}},
		"a function of another stack": {
			[]string{"- {Arn: !GetAtt AppFunction.Arn}", "- {Arn: !ImportValue other}"},
			func(c *emulator.Config) { c.Authorizer.FunctionTimeout = 0 },
		},
		"no limits": {[]string{
			"      DefaultRouteSettings: {ThrottlingRateLimit: !Ref Rate, ThrottlingBurstLimit: 1000}\n", "",
			"      RouteSettings:\n        say: {ThrottlingRateLimit: 2.5}\n", "",
		}, func(c *emulator.Config) {
			c.RouteThrottles, c.DefaultThrottle = nil, emulator.Throttle{}
		}},
		"a key twice": {[]string{"StageName: !Ref StageName\n", "StageName: no\n      StageName: yes\n"}, func(c *emulator.Config) { c.Stage = "yes" }},
		"an HTTP API beside it": {
			[]string{"  Domain:\n", "  HTTP: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: HTTP}}\n  Domain:\n"}, func(*emulator.Config) {},
		},
		"a SAM template with resources": {
			[]string{"Description:", "Transform: AWS::Serverless-2016-10-31\nDescription:"}, func(*emulator.Config) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := cloudformation.Read(example(t, c.oldnew...))
			require.NoError(t, err)
			want := exampleConfig()
			c.want(&want)
			require.Equal(t, want, cfg)
		})
	}
}

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	text := example(t, "RouteKey: $connect", "RouteKey: $connect\n      ApiKeyRequired: True")
	_, err := cloudformation.Read(text)
	require.ErrorContains(t, err, "set them by WithAPIKeys")
	key := emulator.APIKey{ID: "id", Value: "secret"}
	cfg, err := cloudformation.Read(text, cloudformation.WithAPIKeys(key))
	require.NoError(t, err)
	require.Equal(t, []emulator.APIKey{key}, cfg.APIKeys)
}

// The emulator accepts the configuration, and uses nothing of what the handler describes.
func TestTheDescriptionIsIgnored(t *testing.T) {
	t.Parallel()
	app := eventmux.New(eventmux.WebSocket(gatesock.New()), eventmux.Authorizer(authz.NewAuthorizer(
		authz.Bearer(nobody{}, authz.AuthorizationHeader()), authz.WithIdentitySources("route.request.header.X"))))
	connect := func(oldnew ...string) int {
		cfg, err := cloudformation.Read(example(t, oldnew...))
		require.NoError(t, err)
		cfg.Logger = slog.New(slog.DiscardHandler)
		gateway, err := emulator.New(app, cfg)
		require.NoError(t, err)
		defer func() { require.NoError(t, gateway.Shutdown(t.Context())) }()
		_, err = gateway.Connect(t.Context(), emulator.Handshake{
			Header: http.Header{"Authorization": {"Bearer x"}}, Query: url.Values{"token": {"x"}},
		}, printer{})
		var refused *emulator.HandshakeError
		require.ErrorAs(t, err, &refused)
		return refused.StatusCode
	}
	require.Equal(t, 401, connect(), "by the authorizer")
	require.Equal(t, 401, connect("      IdentitySource: !Ref Sources\n", ""), "by the authorizer")
	require.Equal(t, 502, connect("AuthorizationType: CUSTOM", "AuthorizationType: NONE"), "by the mux, without an authorizer")
}

// nobody is a verifier that accepts no token.
type nobody struct{}

func (nobody) Verify(context.Context, string) (authz.Principal, error) {
	return authz.Principal{}, authz.ErrUnauthenticated
}

func TestPanics(t *testing.T) {
	t.Parallel()
	for want, call := range map[string]func(){
		"cloudformation: WithParameter: name must not be empty": func() { cloudformation.WithParameter("", "") },
		"cloudformation: WithAPI: logicalID must not be empty":  func() { cloudformation.WithAPI("") },
		"cloudformation: WithStage: name must not be empty":     func() { cloudformation.WithStage("") },
		"cloudformation: Read: an option is nil":                func() { _, _ = cloudformation.Read(nil, nil) },
	} {
		require.PanicsWithValue(t, want, call)
	}
}
