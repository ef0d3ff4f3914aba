package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/gatesock/gatesock/internal/oneline"
)

// api is what API Gateway says about the API and its stage.
type api struct {
	state state
	*apigatewayv2.GetApiOutput

	routes       map[string]*route // by key
	routesRead   bool
	integrations map[string]*integration // by ID
	integrated   bool                    // whether the integrations were read
	authorizers  map[string]types.Authorizer
	authorized   bool // whether the authorizers were read

	stageState  state
	stage       *apigatewayv2.GetStageOutput
	deployments []types.Deployment
	deployed    bool // whether the deployments were read
}

// route is a route with the keys of its responses.
type route struct {
	types.Route
	responses []string
	read      bool // whether the responses were read
}

// integration is an integration with its responses.
type integration struct {
	types.Integration
	responses []types.IntegrationResponse
	read      bool // whether the responses were read
}

const getAPI = "apigateway:GET"

// readAPI reads the API.
func (x *examination) readAPI(ctx context.Context) error {
	id := x.target.API
	q := question{PartAPI, getAPI, fmt.Sprintf("the API %q", id)}
	out, s, err := ask(ctx, x.report, q, x.clients.Gateway.GetApi, &apigatewayv2.GetApiInput{ApiId: &id})
	x.api.state = s
	if out != nil {
		x.api.GetApiOutput = out
	}
	if err != nil || s == absent {
		return err
	}
	for _, read := range []func(context.Context) error{x.readStage, x.readRoutes, x.readIntegrations, x.readAuthorizers} {
		if err := read(ctx); err != nil {
			return err
		}
	}
	return x.readResponses(ctx)
}

func (x *examination) readStage(ctx context.Context) (err error) {
	q := question{PartStage, getAPI, fmt.Sprintf("the stage %q", x.target.Stage)}
	x.api.stage, x.api.stageState, err = ask(ctx, x.report, q, x.clients.Gateway.GetStage, &apigatewayv2.GetStageInput{
		ApiId: &x.target.API, StageName: &x.target.Stage,
	})
	if err != nil || x.api.stageState != present {
		return err
	}
	q.on = "the deployments of the API"
	all, s, err := askAll(ctx, x.report, q, func(ctx context.Context, token *string) ([]types.Deployment, *string, error) {
		out, err := x.clients.Gateway.GetDeployments(
			ctx, &apigatewayv2.GetDeploymentsInput{ApiId: &x.target.API, NextToken: token},
		)
		if err != nil {
			return nil, nil, err
		}
		return out.Items, out.NextToken, nil
	})
	x.api.deployments, x.api.deployed = all, s == present
	return err
}

func (x *examination) readRoutes(ctx context.Context) error {
	q := question{PartRoutes, getAPI, "the routes of the API"}
	all, s, err := askAll(ctx, x.report, q, func(ctx context.Context, token *string) ([]types.Route, *string, error) {
		out, err := x.clients.Gateway.GetRoutes(ctx, &apigatewayv2.GetRoutesInput{ApiId: &x.target.API, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.Items, out.NextToken, nil
	})
	x.api.routesRead = s == present
	for _, r := range all {
		x.api.routes[aws.ToString(r.RouteKey)] = &route{Route: r}
	}
	return err
}

func (x *examination) readIntegrations(ctx context.Context) error {
	q := question{PartRoutes, getAPI, "the integrations of the API"}
	all, s, err := askAll(ctx, x.report, q, func(ctx context.Context, token *string) (
		[]types.Integration, *string, error,
	) {
		out, err := x.clients.Gateway.GetIntegrations(
			ctx, &apigatewayv2.GetIntegrationsInput{ApiId: &x.target.API, NextToken: token},
		)
		if err != nil {
			return nil, nil, err
		}
		return out.Items, out.NextToken, nil
	})
	x.api.integrated = s == present
	for _, i := range all {
		x.api.integrations[aws.ToString(i.IntegrationId)] = &integration{Integration: i}
	}
	return err
}

func (x *examination) readAuthorizers(ctx context.Context) error {
	q := question{PartAuthorizer, getAPI, "the authorizers of the API"}
	all, s, err := askAll(ctx, x.report, q, func(ctx context.Context, token *string) ([]types.Authorizer, *string, error) {
		out, err := x.clients.Gateway.GetAuthorizers(
			ctx, &apigatewayv2.GetAuthorizersInput{ApiId: &x.target.API, NextToken: token},
		)
		if err != nil {
			return nil, nil, err
		}
		return out.Items, out.NextToken, nil
	})
	x.api.authorized = s == present
	for _, a := range all {
		x.api.authorizers[aws.ToString(a.AuthorizerId)] = a
	}
	return err
}

// readResponses reads the responses of the routes that the application has, and those of their MOCK
// integrations.
func (x *examination) readResponses(ctx context.Context) error {
	for _, described := range x.app.Routes {
		r := x.api.routes[described.Key]
		if r == nil {
			continue
		}
		if err := x.readRouteResponses(ctx, r); err != nil {
			return err
		}
		i := x.integrationOf(described.Key)
		if i == nil || i.IntegrationType != types.IntegrationTypeMock || i.read {
			continue
		}
		if err := x.readIntegrationResponses(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (x *examination) readRouteResponses(ctx context.Context, r *route) error {
	q := question{PartRoutes, getAPI, "the responses of the routes"}
	all, s, err := askAll(ctx, x.report, q, func(ctx context.Context, token *string) (
		[]types.RouteResponse, *string, error,
	) {
		out, err := x.clients.Gateway.GetRouteResponses(ctx, &apigatewayv2.GetRouteResponsesInput{
			ApiId: &x.target.API, RouteId: r.RouteId, NextToken: token,
		})
		if err != nil {
			return nil, nil, err
		}
		return out.Items, out.NextToken, nil
	})
	r.read = s == present
	for _, response := range all {
		r.responses = append(r.responses, aws.ToString(response.RouteResponseKey))
	}
	return err
}

func (x *examination) readIntegrationResponses(ctx context.Context, i *integration) error {
	q := question{PartRoutes, getAPI, "the responses of the integrations"}
	all, s, err := askAll(ctx, x.report, q, func(ctx context.Context, token *string) (
		[]types.IntegrationResponse, *string, error,
	) {
		out, err := x.clients.Gateway.GetIntegrationResponses(ctx, &apigatewayv2.GetIntegrationResponsesInput{
			ApiId: &x.target.API, IntegrationId: i.IntegrationId, NextToken: token,
		})
		if err != nil {
			return nil, nil, err
		}
		return out.Items, out.NextToken, nil
	})
	i.responses, i.read = all, s == present
	return err
}

// integrationOf returns the integration of a route; nil if the API has no such route, or if the
// route's integration does not exist.
func (x *examination) integrationOf(key string) *integration {
	r := x.api.routes[key]
	if r == nil {
		return nil
	}
	id, ok := strings.CutPrefix(aws.ToString(r.Target), "integrations/")
	if !ok {
		return nil
	}
	return x.api.integrations[id]
}

// maxText bounds what is quoted from AWS's answers, in bytes.
const maxText = 300

func oneLine(text string) string { return oneline.Of(text, maxText) }
