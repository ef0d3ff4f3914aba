package cloudformation_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/cloudformation"
)

// public returns testdata/public.yaml, a template in the manner of public ones, with replacements
// of all occurrences of texts, which must occur.
func public(t *testing.T, oldnew ...string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/public.yaml")
	require.NoError(t, err)
	for i := 0; i < len(oldnew); i += 2 {
		require.Contains(t, string(data), oldnew[i])
	}
	return strings.NewReplacer(oldnew...).Replace(string(data))
}

func publicConfig() emulator.Config {
	function := emulator.Timeouts{Function: 11 * time.Second}
	return emulator.Config{
		APIID: "ChatApi", Stage: "Prod", Region: "us-east-1", AccountID: "123456789012",
		RouteSelectionExpression: "$request.body.action", IgnoreDescription: true,
		Routes: []gatesock.Route{{Key: "$connect"}, {Key: "sendmessage"}},
		RouteTimeouts: map[string]emulator.Timeouts{
			"$connect": {Function: 3 * time.Second}, "sendmessage": function,
		},
		DefaultThrottle: emulator.Throttle{Rate: 50, Burst: 100},
		RouteThrottles:  map[string]emulator.Throttle{},
		StageVariables:  map[string]string{"table": "simplechat", "number": "3", "flag": "true"},
	}
}

// The uri, with the long form of a function, of the functions in testdata/public.yaml.
const publicURI = `
        Fn::Sub:
            arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${OnConnect.Arn}/invocations`

// Public templates say the same in many ways.
func TestFormsOfPublicTemplates(t *testing.T) {
	t.Parallel()
	same := func(*emulator.Config) {}
	for name, c := range map[string]struct {
		text string
		want func(*emulator.Config)
	}{
		"as it is":            {public(t), same},
		"CRLF":                {public(t, "\n", "\r\n"), same},
		"a byte order mark":   {"\uFEFF" + public(t), same},
		"JSON":                {string(asJSON(t, []byte(public(t)))), same},
		"JSON with a mark":    {"\uFEFF" + string(asJSON(t, []byte(public(t)))), same},
		"a tab after a value": {public(t, "Name: Chat\n", "Name:\tChat\t# the name\n"), same},
		"a comment":           {public(t, `"$request.body.action"`, "$request.body.action # custom"), same},
		"Join":                {public(t, publicURI, "\n        !Join\n          - ''\n          - - 'arn:'\n            - !Ref AWS::Partition\n            - ':apigateway:us-west-2:lambda:path/2015-03-31/functions/'\n            - Fn::GetAtt: [OnConnect, Arn]\n            - /invocations"), same},
		"a plain ARN":         {public(t, publicURI, " !GetAtt OnConnect.Arn"), same},
		"an ARN of a name":    {public(t, publicURI, " !Sub arn:aws:lambda:us-west-2:${AWS::AccountId}:function:OnConnect:live"), same},
		"values of Sub":       {public(t, publicURI, "\n        Fn::Sub:\n          - arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${f}/invocations\n          - {f: !GetAtt [OnConnect, Arn], unused: !Ref Nothing}"), same},
		"Sub in a target":     {public(t, "!Join ['/', ['integrations', !Ref SendIntegration]]", "!Sub integrations/${SendIntegration}"), same},
		"a slash in a target": {public(t, "!Join ['/', ['integrations', !Ref SendIntegration]]", `!Join ["", ["integrations/", !Ref SendIntegration]]`), same},
		"GetAtt of the API":   {public(t, "ApiId: !Ref ChatApi", "ApiId: !GetAtt ChatApi.ApiId"), same},
		"a name twice":        {public(t, "Name: Chat\n", "Name: Chat\n      Name: Chat2\n"), same},
		"transforms":          {public(t, "Transform: AWS::Serverless-2016-10-31", "Transform:\n- 'AWS::Serverless-2016-10-31'"), same},
		"no version":          {public(t, "AWSTemplateFormatVersion: 2010-09-09\n", ""), same},
		"an anchor":           {public(t, "Name: Chat\n", "Name: &name Chat\n"), same},
		"a timeout of its own": {public(t, "MemorySize: 256", "Timeout: 7"), func(c *emulator.Config) {
			c.RouteTimeouts["sendmessage"] = emulator.Timeouts{Function: 7 * time.Second}
		}},
		"no globals": {public(t, "    Timeout: 11\n", ""), func(c *emulator.Config) {
			c.RouteTimeouts["sendmessage"] = emulator.Timeouts{Function: 3 * time.Second}
		}},
		"no properties": {public(t, "    Properties:\n      MemorySize: 256\n", ""), same},
		"a word of YAML 1.1": {public(t, "RouteKey: sendmessage", "RouteKey: on", "sendmessage: {Data", "on: {Data"), func(c *emulator.Config) {
			c.Routes[1].Key = "on"
			c.RouteTimeouts = map[string]emulator.Timeouts{"$connect": c.RouteTimeouts["$connect"], "on": c.RouteTimeouts["sendmessage"]}
		}},
		"a stage's name of parts": {public(t, "StageName: Prod", "StageName: !Sub '${AWS::StackName}-${TableName}'"), func(c *emulator.Config) {
			c.Stage = "local-simplechat"
		}},
		"braces": {public(t, `"$request.body.action"`, "${request.body.action}"), func(c *emulator.Config) {
			c.RouteSelectionExpression = "${request.body.action}"
		}},
		"a route with a condition": {public(t, "SendRoute:\n", "SendRoute:\n    Condition: IsProd\n", "    sendmessage: {DataTraceEnabled: true}", "    $connect: {DataTraceEnabled: true}"), func(c *emulator.Config) {
			c.Routes = c.Routes[:1]
			delete(c.RouteTimeouts, "sendmessage")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := cloudformation.Read([]byte(c.text))
			require.NoError(t, err)
			want := publicConfig()
			c.want(&want)
			require.Equal(t, want, cfg)
		})
	}
}

// What public templates have and the reader refuses. Each error says where, and what to do.
func TestMistakesInPublicTemplates(t *testing.T) {
	t.Parallel()
	json := string(asJSON(t, []byte(public(t))))
	for want, text := range map[string]string{
		"the YAML is not valid near line 17: found character that cannot start":   public(t, "      Name: Chat", "\tName: Chat"),
		"the JSON is not valid: line 2: invalid character '/' looking for":        strings.Replace(json, "{\n", "{\n// a comment\n", 1),
		"the JSON is not valid: line 229: unexpected end of JSON input":           json[:len(json)-2],
		"a YAML alias, which CloudFormation does not accept; write the value out": public(t, "Name: Chat\n", "Name: &n Chat\n      Description: *n\n"),
		"aws cloudformation get-template --template-stage Processed": public(t,
			"Transform: AWS::Serverless-2016-10-31", "Transform: [AWS::LanguageExtensions]"),
		`has the AuthorizationType "NON"; want NONE`: public(t, "AuthorizationType: NONE", "AuthorizationType: NON"),
		`has the IntegrationType "AWS"; AWS_PROXY`:   public(t, "IntegrationType: AWS_PROXY", "IntegrationType: AWS"),
		"the parameter Env has no default; set it by WithParameter": public(t,
			"StageName: Prod", "StageName: !Ref Env", "Parameters:\n", "Parameters:\n  Env: {Type: String}\n"),
		"the parameter Env is in Systems Manager; set it by WithParameter": public(t,
			"StageName: Prod", "StageName: !Ref Env", "Parameters:\n", "Parameters:\n  Env: {Type: AWS::SSM::Parameter::Value<String>, Default: /env}\n"),
		`the RouteSettings of stage Prod have the route key "nope", which no route of the API has`: public(t, "sendmessage: {", "nope: {ThrottlingRateLimit: 1, "),
		"ThrottlingBurstLimit: 0 is not a positive whole number":                                   public(t, "ThrottlingBurstLimit: 100", "ThrottlingBurstLimit: 0"),
		"line 17: the function Fn::Transform is not supported here":                                public(t, "Name: Chat", "Fn::Transform: {Name: AWS::Include}"),
		"line 1: the function Fn::Transform is not supported here":                                 "Fn::Transform: {Name: AWS::Include}\n" + public(t),
		"and no AWS::Serverless::WebSocketApi":                                                     "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Events: {E: {Type: WebSocket}}}}}",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			_, err := cloudformation.Read([]byte(text))
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// The JSON of the AWS CDK has pieces of texts, and conditions that nothing here needs.
func TestReadCDK(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/cdk.json")
	require.NoError(t, err)
	cfg, err := cloudformation.Read(text)
	require.NoError(t, err)
	function := emulator.Timeouts{Function: 3 * time.Second}
	require.Equal(t, emulator.Config{
		APIID: "mywsapi32E6CE11", Stage: "dev", Region: "us-east-1", AccountID: "123456789012", IgnoreDescription: true,
		RouteSelectionExpression: "$request.body.action",
		Routes:                   []gatesock.Route{{Key: "$connect"}, {Key: "$default", NeedsResponse: true}},
		RouteTimeouts:            map[string]emulator.Timeouts{"$connect": function, "$default": function},
	}, cfg)

	mock := strings.Replace(string(text), `"IntegrationType": "AWS_PROXY"`, `"IntegrationType": "MOCK", "IntegrationUri": ""`, 1)
	_, err = cloudformation.Read([]byte(mock))
	require.ErrorContains(t, err, "has no RequestTemplates for the key \"$default\", which its TemplateSelectionExpression selects;")
}
