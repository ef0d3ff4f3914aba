package cloudformation_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/cloudformation"
)

// An API of the most routes that AWS allows by default is far from the limits of the reader.
func TestLargeTemplate(t *testing.T) {
	t.Parallel()
	const routes = 300
	var b strings.Builder
	b.WriteString(`Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Api, StageName: prod}}
`)
	for i := range routes {
		properties := func(text string) string {
			return strings.ReplaceAll("{ApiId: !Sub '${Api}', "+text+"}}\n", "#", fmt.Sprint(i))
		}
		fmt.Fprintf(&b, "  Route%d: {Type: AWS::ApiGatewayV2::Route, Properties: %s", i, properties(
			"RouteKey: r#, Target: !Join ['/', [integrations, !Ref Mock#]], RouteResponseSelectionExpression: $default"))
		fmt.Fprintf(&b, "  Mock%d: {Type: AWS::ApiGatewayV2::Integration, Properties: %s", i, properties(
			`IntegrationType: MOCK, RequestTemplates: {$default: '{"statusCode":200}'}`))
		fmt.Fprintf(&b, "  Answer%d: {Type: AWS::ApiGatewayV2::IntegrationResponse, Properties: %s", i, properties(
			"IntegrationId: !Sub '${Mock#}', IntegrationResponseKey: $default, ResponseTemplates: {$default: 'pong #'}"))
		fmt.Fprintf(&b, "  Response%d: {Type: AWS::ApiGatewayV2::RouteResponse, Properties: %s", i, properties(
			"RouteId: !Sub '${Route#}', RouteResponseKey: $default"))
	}
	cfg, err := cloudformation.Read([]byte(b.String()))
	require.NoError(t, err)
	require.Len(t, cfg.Routes, routes)
	for _, r := range cfg.Routes {
		require.True(t, r.NeedsResponse)
		require.Equal(t, "pong "+strings.TrimPrefix(r.Key, "r"), string(r.Mock))
	}
}
