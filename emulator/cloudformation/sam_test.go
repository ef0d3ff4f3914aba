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

// SAM makes no route response, so that a route answers only if the template adds one.
func TestReadSAM(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/sam.yaml")
	require.NoError(t, err)
	cfg, err := cloudformation.Read(text)
	require.NoError(t, err)
	function := emulator.Timeouts{Function: 20 * time.Second}
	require.Equal(t, emulator.Config{
		APIID: "Api", Stage: "prod", Region: "us-east-1", AccountID: "123456789012", IgnoreDescription: true,
		RouteSelectionExpression: "$request.body.action",
		Routes:                   []gatesock.Route{{Key: "$connect"}, {Key: "$default", NeedsResponse: true}, {Key: "sayHello"}},
		Authorizer: &emulator.Authorizer{
			FunctionTimeout: 20 * time.Second, IdentitySources: []string{"route.request.querystring.token"},
		},
		RouteTimeouts: map[string]emulator.Timeouts{
			"$connect": function, "$default": function,
			"sayHello": {Integration: time.Second, Function: 20 * time.Second},
		},
		DefaultThrottle: emulator.Throttle{Rate: 500},
	}, cfg)

	merged, err := cloudformation.Read([]byte(strings.Replace(string(text), "      StageName: prod\n",
		"      StageName: prod\n      DefaultRouteSettings: {ThrottlingBurstLimit: 5}\n", 1)))
	require.NoError(t, err)
	require.Equal(t, emulator.Throttle{Rate: 500, Burst: 5}, merged.DefaultThrottle)

	for name, c := range map[string]struct{ old, by, want string }{
		"the default stage": {"      StageName: prod\n", "", ""},
		"IAM": {
			"AuthType: CUSTOM\n        AuthArn: !GetAtt App.Arn\n        IdentitySource: [route.request.querystring.token]",
			"AuthType: AWS_IAM", "",
		},
		"a key with a hyphen": {"sayHello", "say-hello", `the route key "say-hello" must have letters and digits only`},
		"keys that collide":   {"sayHello:", "sayhello: {}\n        sayHello:", "SAM makes a resource ApiSayhelloRoute of it, but"},
		"no routes":           {"      Routes:\n", "      Routen:\n", "resource Api (AWS::Serverless::WebSocketApi): it has no Routes"},
		"no $connect":         {"$connect: {", "connect: {", "Auth needs a route $connect"},
		"a function":          {"    Properties:\n      StageName", "    Properties: !Ref X\n    Other:\n      StageName", "Properties must not be a function"},
	} {
		require.Equal(t, 1, strings.Count(string(text), c.old), name)
		cfg, err := cloudformation.Read([]byte(strings.Replace(string(text), c.old, c.by, 1)))
		if c.want != "" {
			require.ErrorContains(t, err, c.want, name)
			continue
		}
		require.NoError(t, err, name)
		require.NotEqual(t, cfg.Stage == "default", cfg.IAM != nil, name)
	}
}
