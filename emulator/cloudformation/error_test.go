package cloudformation_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/cloudformation"
)

// Each mistake in a template is an error that says what is wrong and where.
func TestMistakesInTemplates(t *testing.T) {
	t.Parallel()
	for want, oldnew := range map[string][]string{
		// YAML and functions
		"the YAML is not valid near line 2: found a tab":              {"\nParameters:", "\n\tParameters:"},
		"line 37: a YAML alias, which CloudFormation does not accept": {"        Variables:\n", "        Variables: &v\n          A: *v\n"},
		"unknown function !Reff":                                      {"!Ref StageName\n", "!Reff StageName\n"},
		`resource Stage (AWS::ApiGatewayV2::Stage), property StageName: line 123: the function Fn::ImportValue is not supported here`: {
			"StageName: !Ref StageName\n", "StageName: !ImportValue stage\n",
		},
		`property StageName: line 123: there is no parameter or resource "Stagename"`: {
			"StageName: !Ref StageName\n", "StageName: !Ref Stagename\n",
		},
		"line 123: the parameter CodeBucket has no default; set it by WithParameter": {"StageName: !Ref StageName\n", "StageName: !Ref CodeBucket\n"},
		`there is no condition "Provided"; the template has HasDomain, Provisioned`: {
			"SayRouteResponse:\n", "SayRouteResponse:\n    Condition: Provided\n",
		},
		"the template's functions have no end, or their results are too large": {
			"StageName: !Ref StageName\n", "StageName: !Ref Stage\n",
		},
		"the template has the transform \"AWS::LanguageExtensions\", which runs on AWS only": {
			"Description:", "Transform: [AWS::Serverless-2016-10-31, AWS::LanguageExtensions]\nDescription:",
		},
		"resource Api (AWS::Serverless::WebSocketApi): this type needs the Transform AWS::Serverless-2016-10-31": {
			"Type: AWS::ApiGatewayV2::Api", "Type: AWS::Serverless::WebSocketApi",
		},
		"resource Stage has no Type": {"    Type: AWS::ApiGatewayV2::Stage\n", ""},

		// API and stage
		"the template has no WebSocket API": {"ProtocolType: WEBSOCKET", "ProtocolType: HTTP"},
		"the template has several WebSocket APIs, Api, Other; choose one by WithAPI": {
			"  Domain:\n", "  Other: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: WEBSOCKET}}\n  Domain:\n",
		},
		"resource Api (AWS::ApiGatewayV2::Api) has no RouteSelectionExpression": {
			"      RouteSelectionExpression: $request.body.action # the member with the route key\n", "",
		},
		"has no AWS::ApiGatewayV2::Stage": {"Type: AWS::ApiGatewayV2::Stage", "Type: AWS::ApiGatewayV2::Deployment"},
		"has several stages, dev, prod; choose one by WithStage": {
			"\nOutputs:", "  More: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Api, StageName: dev}}\nOutputs:",
		},
		"have the same StageName \"prod\"": {
			"\nOutputs:", "  More: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Api, StageName: prod}}\nOutputs:",
		},
		"resource Stage (AWS::ApiGatewayV2::Stage) has no StageName": {"      StageName: !Ref StageName\n", ""},
		"ThrottlingRateLimit: 0 is not a positive number":            {"ThrottlingRateLimit: 2.5", "ThrottlingRateLimit: 0"},
		"ThrottlingBurstLimit: 1.5 is not a positive whole number":   {"ThrottlingBurstLimit: 1000", "ThrottlingBurstLimit: 1.5"},
		`ThrottlingRateLimit: "fast" is not a number`:                {"ThrottlingRateLimit: 2.5", "ThrottlingRateLimit: fast"},

		// Routes and integrations
		`resource ConnectRoute (AWS::ApiGatewayV2::Route) and resource SayRoute (AWS::ApiGatewayV2::Route) have the same RouteKey "$connect"`: {
			"RouteKey: say", "RouteKey: $connect",
		},
		"resource SayRoute (AWS::ApiGatewayV2::Route) has no RouteKey": {"      RouteKey: say\n", ""},
		"resource SayRoute (AWS::ApiGatewayV2::Route) has no ApiId": {
			"      ApiId: !Ref Api\n      RouteKey: say\n", "      RouteKey: say\n",
		},
		`resource KeepaliveRoute (AWS::ApiGatewayV2::Route) has the Target "AppIntegration"; want "integrations/"`: {
			"Target: !Sub integrations/${KeepaliveIntegration}", "Target: !Ref AppIntegration",
		},
		`has the Target "integrations/SayRoute", but the API has no such AWS::ApiGatewayV2::Integration`: {
			"Target: !Sub integrations/${KeepaliveIntegration}", "Target: !Sub integrations/${SayRoute}",
		},
		`resource TypingRoute (AWS::ApiGatewayV2::Route) has the Target ""`: {
			"RouteKey: typing\n      Target: !Sub integrations/${AppIntegration}\n", "RouteKey: typing\n",
		},
		`resource AppIntegration (AWS::ApiGatewayV2::Integration) has the IntegrationType "HTTP_PROXY"; AWS_PROXY and MOCK`: {
			"IntegrationType: AWS_PROXY", "IntegrationType: HTTP_PROXY",
		},
		"has the TimeoutInMillis 49; want 50 to 29000":                       {"TimeoutInMillis: 5000", "TimeoutInMillis: 49"},
		"resource AppFunction (AWS::Lambda::Function) has the Timeout 1000;": {"Timeout: 10\n", "Timeout: 1000\n"},
		"SayRoute (AWS::ApiGatewayV2::Route) has RequestModels":              {"RouteKey: say", "RouteKey: say\n      RequestModels: {message: Say}"},
		`has the RouteResponseKey "$defaults"; only $default is possible`: {
			"RouteId: !Ref SayRoute, RouteResponseKey: $default", "RouteId: !Ref SayRoute, RouteResponseKey: $defaults",
		},
		`has the RouteResponseSelectionExpression "200"; only $default is possible`: {
			"RouteKey: say\n      RouteResponseSelectionExpression: $default", "RouteKey: say\n      RouteResponseSelectionExpression: 200",
		},

		// MOCK
		`a MOCK integration needs one with {"statusCode":200}`:         {`      RequestTemplates: {200: '{"statusCode":200}'}` + "\n", ""},
		`the template must have a number, as in {"statusCode":200}`:    {`'{"statusCode":200}'`, `'{"status":200}'`},
		`the template uses "$input.path"; only text without variables`: {`"data":null}'`, `"data":$input.path("$.x")}'`},
		`the template uses "#set"; only text without`:                  {`"data":null}'`, `"data":#set($x=1)}'`},
		"has no ResponseTemplates for the key \"200\", which its TemplateSelectionExpression selects": {
			`ResponseTemplates: {"200"`, `ResponseTemplates: {"300"`,
		},
		"has no AWS::ApiGatewayV2::IntegrationResponse for the status 200; add one with the key $default": {"Key: /200/", "Key: /404/"},
		"KeepaliveIntegration (AWS::ApiGatewayV2::Integration) has no AWS::ApiGatewayV2::IntegrationResponse for the status 200": {
			"AuthorizerId: !Ref Authorizer\n      Target: !Sub integrations/${AppI", "AuthorizerId: !Ref Authorizer\n      Target: !Sub integrations/${KeepaliveI",
			"RouteKey: keepalive\n      RouteResponseSelectionExpression: $default\n", "RouteKey: keepalive\n",
			"Key: /200/", "Key: /404/",
		},
		"has the status 403; what $connect answers then is not known, use 200": {
			"AuthorizerId: !Ref Authorizer\n      Target: !Sub integrations/${AppI", "AuthorizerId: !Ref Authorizer\n      Target: !Sub integrations/${KeepaliveI",
			`'{"statusCode":200}'`, `'{"statusCode":403}'`,
		},
		`"200" is neither $default nor a regular expression between slashes`: {"Key: /200/", `Key: "200"`},
		`"/(/" is not a regular expression`:                                  {"Key: /200/", `Key: /(/`},
		`KeepaliveIntegration (AWS::ApiGatewayV2::Integration) has the TemplateSelectionExpression "$request.body.x"`: {
			"MOCK\n      TemplateSelectionExpression: \"200\"", "MOCK\n      TemplateSelectionExpression: $request.body.x",
		},

		// Access
		`Authorizer (AWS::ApiGatewayV2::Authorizer) has the AuthorizerType "JWT"; WebSocket APIs have REQUEST only`: {
			"AuthorizerType: REQUEST", "AuthorizerType: JWT",
		},
		`has the AuthorizerId "Authorized", but the API has no such`:                   {"AuthorizerId: !Ref Authorizer", "AuthorizerId: Authorized"},
		`has the AuthorizationType "NON"; want NONE, AWS_IAM or CUSTOM`:                {"AuthorizationType: CUSTOM", "AuthorizationType: NON"},
		"has the AuthorizationType CUSTOM; only $connect can have an authorizer":       {"RouteKey: say", "RouteKey: say\n      AuthorizationType: CUSTOM"},
		`property ApiKeyRequired: "maybe" is neither true nor false`:                   {"RouteKey: say", "RouteKey: say\n      ApiKeyRequired: maybe"},
		"resource Authorizer (AWS::ApiGatewayV2::Authorizer), property IdentitySource": {"IdentitySource: !Ref Sources", "IdentitySource: {a: b}"},
		`property IdentitySource: "method.request.header.X": want route.request.header.NAME`: {
			"IdentitySource: !Ref Sources", "IdentitySource: method.request.header.X",
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			cfg, err := cloudformation.Read(example(t, oldnew...))
			require.ErrorContains(t, err, want)
			require.True(t, strings.HasPrefix(err.Error(), "cloudformation: "), err)
			require.NotContains(t, err.Error(), "\n")
			require.Zero(t, cfg)
		})
	}
}

func TestTextsThatAreNoTemplates(t *testing.T) {
	t.Parallel()
	deep := func(open, end string) string { return strings.Repeat(open, 200) + strings.Repeat(end, 200) }
	for want, text := range map[string]string{
		"the template is empty":                             "",
		"the template is empty ":                            "# only a comment\n",
		"the template is not an object":                     "- a\n",
		"the template has no Resources":                     "Resources: {}",
		"the template has no Resources ":                    `{"Resources": 7}`,
		"the template has no Resources  ":                   "Resources: !Ref X",
		"values are nested more than 100 times":             "Resources: " + deep("[", "]"),
		"values are nested more than 100 times ":            `{"Resources": ` + deep(`{"a":[`, `]}`) + "}",
		"the template has 1000001 bytes; CloudFormation":    strings.Repeat("#", 1_000_001),
		"Transform is not the name of a macro or a list of": "Transform: {}\nResources: {A: {Type: B}}",
		"a key that CloudFormation does not accept":         "Resources: {[a]: b}",
		"a key that CloudFormation does not accept ":        "Resources: {<<: {a: b}}",
	} {
		_, err := cloudformation.Read([]byte(text))
		require.ErrorContains(t, err, strings.TrimRight(want, " "), "%.40s", text)
	}
}

func TestMistakesInOptions(t *testing.T) {
	t.Parallel()
	for want, option := range map[string]cloudformation.Option{
		"WithParameter: the template has no parameter Stage; it has CodeBucket, DomainName, ": cloudformation.WithParameter("Stage", "x"),
		`StageName: "x" is not one of the AllowedValues prod, dev`:                            cloudformation.WithParameter("StageName", "x"),
		`WithAPI: the template has no WebSocket API "api"; it has Api`:                        cloudformation.WithAPI("api"),
		`WithStage: the API has no stage "dev"; it has prod`:                                  cloudformation.WithStage("dev"),
	} {
		_, err := cloudformation.Read(example(t), option)
		require.ErrorContains(t, err, want)
	}
}

// reading returns resources of which a long text without a value is read 2^17 times.
func reading() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  Stages: {Type: AWS::DynamoDB::Table, Properties: {TableName: !Sub '${T0}'}}\n")
	for i := range 17 {
		fmt.Fprintf(&b, "  T%d: {Type: AWS::DynamoDB::Table, Properties: {TableName: !Sub '${T%d}${T%d}'}}\n", i, i+1, i+1)
	}
	name := strings.Repeat("n", 300_000)
	fmt.Fprintf(&b, `  T17: {Type: AWS::DynamoDB::Table, Properties: {TableName: {"Fn::Sub": ["${%s}", {? "%s" : ""}]}}}`+"\n", name, name)
	return b.String()
}

// Templates that would make a careless reader work without end are errors.
func TestBombs(t *testing.T) {
	t.Parallel()
	const (
		head = "Resources:\n  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: !Ref F0}}\n"
		want = "the template's functions have no end, or their results are too large"
	)
	var doubling, splitting strings.Builder
	for i := range 60 {
		fmt.Fprintf(&doubling, "  F%d: {Type: AWS::Lambda::Function, Properties: {FunctionName: !Sub \"${F%d}${F%d}\"}}\n", i, i+1, i+1)
	}
	doubling.WriteString("  F60: {Type: AWS::Lambda::Function}\n")
	fmt.Fprintf(&splitting, "  F0: {Type: AWS::Lambda::Function, Properties: {FunctionName: !Join [\"%s\", !Split [x, %s]]}}\n",
		strings.Repeat("y", 100_000), strings.Repeat("x", 100_000))
	for name, text := range map[string]string{
		"doubling":  doubling.String(),
		"splitting": splitting.String(),
		"reading":   "  F0: {Type: AWS::Lambda::Function, Properties: {FunctionName: !Ref Stages}}\n" + reading(),
		"itself":    "  F0: {Type: AWS::Lambda::Function, Properties: {FunctionName: !Ref F0}}\n",
	} {
		_, err := cloudformation.Read([]byte(head + text))
		require.ErrorContains(t, err, want, name)
	}
	conditions := "Conditions:\n  C0: !Not [!Condition C0]\n"
	_, err := cloudformation.Read([]byte(conditions + "Resources: {Api: {Type: AWS::ApiGatewayV2::Api, Condition: C0}}"))
	require.ErrorContains(t, err, want)
}
